// SQLite: write-ahead log, prepared statements, an index for every list.

import Database from 'better-sqlite3';

const SCHEMA = `
CREATE TABLE IF NOT EXISTS consultations (
  id           TEXT PRIMARY KEY NOT NULL,
  patient_id   TEXT NOT NULL,
  physician_id TEXT,
  specialty    TEXT NOT NULL,
  urgency      TEXT NOT NULL,
  description  TEXT NOT NULL,
  status       TEXT NOT NULL,
  created_at   TEXT NOT NULL,
  updated_at   TEXT NOT NULL,
  version      INTEGER NOT NULL,
  metadata     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS consultations_newest ON consultations (created_at, id);
CREATE INDEX IF NOT EXISTS consultations_of_patient ON consultations (patient_id, created_at, id);
CREATE INDEX IF NOT EXISTS consultations_of_physician ON consultations (physician_id, created_at, id);
CREATE INDEX IF NOT EXISTS consultations_in_pool ON consultations (specialty, created_at, id, status, physician_id)
  WHERE status = 'pending' AND physician_id IS NULL;

CREATE TABLE IF NOT EXISTS messages (
  id              TEXT PRIMARY KEY NOT NULL,
  from_id         TEXT NOT NULL,
  to_id           TEXT NOT NULL,
  consultation_id TEXT NOT NULL,
  content         TEXT NOT NULL,
  type            TEXT NOT NULL,
  timestamp       TEXT NOT NULL,
  metadata        TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS messages_in_order ON messages (consultation_id, timestamp, id);

CREATE TABLE IF NOT EXISTS appointments (
  id              TEXT PRIMARY KEY NOT NULL,
  patient_id      TEXT NOT NULL,
  physician_id    TEXT NOT NULL,
  consultation_id TEXT NOT NULL,
  date_time       TEXT NOT NULL,
  duration        INTEGER NOT NULL,
  type            TEXT NOT NULL,
  status          TEXT NOT NULL,
  notes           TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS events (n INTEGER PRIMARY KEY, kind TEXT NOT NULL, audience TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS audit (seq INTEGER PRIMARY KEY, entry TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
`;

const CONSULTATION = `id, patient_id AS patientId, physician_id AS physicianId, specialty, urgency, description, status,
  created_at AS createdAt, updated_at AS updatedAt, version, metadata`;
const MESSAGE = `id, from_id AS fromId, to_id AS toId, consultation_id AS consultationId, content, type, timestamp,
  metadata`;
const POOL = `status = 'pending' AND physician_id IS NULL`;

export function open(file) {
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('cache_size = -16384');
  db.pragma('temp_store = MEMORY');
  db.exec(SCHEMA);

  const insertConsultation = db.prepare(`INSERT INTO consultations
    (id, patient_id, physician_id, specialty, urgency, description, status, created_at, updated_at, version, metadata)
    VALUES (@id, @patientId, @physicianId, @specialty, @urgency, @description, @status, @createdAt, @updatedAt,
            @version, @metadata)`);
  const insertMessage = db.prepare(`INSERT INTO messages
    (id, from_id, to_id, consultation_id, content, type, timestamp, metadata)
    VALUES (@id, @fromId, @toId, @consultationId, @content, @type, @timestamp, @metadata)`);
  const insertAppointment = db.prepare(`INSERT INTO appointments
    (id, patient_id, physician_id, consultation_id, date_time, duration, type, status, notes)
    VALUES (@id, @patientId, @physicianId, @consultationId, @dateTime, @duration, @type, @status, @notes)`);
  const oneConsultation = db.prepare(`SELECT ${CONSULTATION} FROM consultations WHERE id = ?`);
  const pageOfMessages = db.prepare(`SELECT ${MESSAGE} FROM messages WHERE consultation_id = ?
    ORDER BY timestamp, id LIMIT ? OFFSET ?`);
  const messagesIn = db.prepare('SELECT count(*) FROM messages WHERE consultation_id = ?').pluck();
  const insertEvent = db.prepare('INSERT INTO events (kind, audience) VALUES (?, ?)');
  const forgetEvents = db.prepare('DELETE FROM events WHERE n <= ?');
  const eventsSince = db.prepare('SELECT n, kind, audience FROM events WHERE n > ? ORDER BY n');

  // One statement for each shape of a list: what is not asked for is not in the query.
  const lists = new Map();
  function listFor(user, filters) {
    const named = Object.keys(filters).sort();
    const pools = user.role === 'physician' ? user.specialties.length : 0;
    const shape = `${user.role} ${pools} ${named.join(' ')}`;
    let list = lists.get(shape);
    if (!list) {
      const more = named.map((name) => `${name} = @${name}`);
      // For a physician parts that cannot overlap, each in the order of its index, so that SQLite merges them and
      // stops at the end of the page. Without any condition it counts by pages and not by rows.
      const mine = { admin: [[]], patient: [['patient_id = @me']], physician: [['physician_id = @me']] }[user.role];
      for (let n = 0; n < pools; n += 1) mine.push([POOL, `specialty = @pool${n}`]);
      const parts = mine.map((part) => {
        const conditions = [...part, ...more];
        return `FROM consultations${conditions.length ? ` WHERE ${conditions.join(' AND ')}` : ''}`;
      });
      const page = `${parts.map((part) => `SELECT ${CONSULTATION} ${part}`).join(' UNION ALL ')}
        ORDER BY createdAt DESC, id DESC LIMIT @limit OFFSET @offset`;
      const total = parts.map((part) => `(SELECT count(*) ${part})`).join(' + ');
      list = { page: db.prepare(page), total: db.prepare(`SELECT ${total}`).pluck() };
      lists.set(shape, list);
    }
    return list;
  }

  return {
    db,
    transaction: (work) => db.transaction(work),
    consultation(id) {
      const row = oneConsultation.get(id);
      return row && read(row);
    },
    consultations(user, filters, limit, offset) {
      const { page, total } = listFor(user, filters);
      const given = { ...filters };
      if (user.role !== 'admin') given.me = user.id;
      if (user.role === 'physician') user.specialties.forEach((name, n) => (given[`pool${n}`] = name));
      return { total: total.get(given), rows: page.all({ ...given, limit, offset }).map(read) };
    },
    addConsultation: (record) => insertConsultation.run({ ...record, metadata: JSON.stringify(record.metadata) }),
    messages: (id, limit, offset) => ({
      total: messagesIn.get(id),
      rows: pageOfMessages.all(id, limit, offset).map(read),
    }),
    addMessage: (record) => insertMessage.run({ ...record, metadata: JSON.stringify(record.metadata) }),
    addAppointment: (record) => insertAppointment.run(record),
    addEvent(kind, audience, keep) {
      const n = Number(insertEvent.run(JSON.stringify(kind), JSON.stringify(audience)).lastInsertRowid);
      forgetEvents.run(n - keep);
      return n;
    },
    eventsSince: (n) =>
      eventsSince
        .all(n)
        .map((row) => ({ n: row.n, kind: JSON.parse(row.kind), audience: JSON.parse(row.audience) })),
  };
}

function read(row) {
  row.metadata = JSON.parse(row.metadata);
  return row;
}
