// A clinic of any size: consultations with messages and appointments in proportion.

import { SPECIALTIES, URGENCIES } from './contract.js';
import { newId } from './ids.js';

const PHYSICIANS = 50;
const MINUTE = 60_000;
const WORDS =
  'For two weeks a pressure in the chest on the stairs that goes after a rest, some short breath at night, and a ' +
  'dry cough in the morning. No fever. The tablets were changed in spring and have been taken as said since then.';

/** Fills an empty store. Every fifth request waits in its pool; every twentieth conversation is a long one. */
export function seed(store, seals, size) {
  if (size === 0 || store.db.prepare('SELECT 1 FROM consultations LIMIT 1').get()) return;
  const began = Date.now() - (size + 60) * MINUTE;
  store.transaction(() => {
    for (let n = 0; n < size; n += 1) one(store, seals, n, new Date(began + n * MINUTE));
  })();
  store.db.pragma('optimize');
  store.db.exec('ANALYZE');
  store.db.pragma('wal_checkpoint(TRUNCATE)');
}

function one(store, seals, n, at) {
  const createdAt = at.toISOString();
  const patientId = `patient-${1 + (n % Math.max(20, Math.ceil(n / 4)))}`;
  const waits = n % 5 === 0;
  // In turn among those that do not wait.
  const physicianId = waits ? null : `physician-${1 + ((Math.floor(n / 5) * 4 + (n % 5) - 1) % PHYSICIANS)}`;
  const record = {
    id: newId(at.getTime()),
    patientId,
    physicianId,
    specialty: SPECIALTIES[n % SPECIALTIES.length],
    urgency: n % 17 === 0 ? 'emergency' : URGENCIES[n % 2],
    description: WORDS,
    status: waits ? 'pending' : ['assigned', 'in_progress', 'in_progress', 'completed'][n % 4],
    createdAt,
    updatedAt: createdAt,
    version: 1,
    metadata: { source: 'gateway', createdBy: patientId, createdByRole: 'patient' },
  };
  store.addConsultation(record);
  if (waits) return;
  for (let m = 0, count = n % 20 === 1 ? 60 : 4; m < count; m += 1) {
    const sent = at.getTime() + (m + 1) * 1000;
    const [fromId, toId] = m % 2 === 0 ? [patientId, physicianId] : [physicianId, patientId];
    const message = {
      id: newId(sent),
      fromId,
      toId,
      consultationId: record.id,
      content: '',
      type: 'text',
      timestamp: new Date(sent).toISOString(),
      metadata: { envelopeId: newId(sent), senderRole: m % 2 === 0 ? 'patient' : 'physician' },
    };
    message.content = seals.seal(message, WORDS);
    store.addMessage(message);
  }
  if (n % 4 === 1) {
    store.addAppointment({
      id: newId(at.getTime()),
      patientId,
      physicianId,
      consultationId: record.id,
      dateTime: new Date(at.getTime() + 3 * 24 * 60 * MINUTE).toISOString(),
      duration: 30,
      type: 'consultation',
      status: 'booked',
      notes: '',
    });
  }
}
