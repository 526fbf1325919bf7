// One entry for each access, in a chain: an entry's hash covers the hash before it.

import { createHash } from 'node:crypto';

const START = Buffer.alloc(32);

export function auditLog(db) {
  const insert = db.prepare('INSERT INTO audit (seq, entry, hash) VALUES (?, ?, ?)');
  const last = db.prepare('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1').get();
  let seq = last?.seq ?? 0;
  let head = last?.hash ?? START;

  return {
    /** Written before the answer goes out: an action whose entry cannot be written does not happen. */
    append(requestId, user, ip, action, object, patientId, outcome) {
      const entry = JSON.stringify({
        seq: seq + 1,
        time: new Date().toISOString(),
        requestId,
        actor: user?.id ?? null,
        role: user?.role ?? null,
        source: ip,
        action,
        object,
        patientId,
        outcome,
      });
      const hash = createHash('sha256').update(head).update(entry).digest();
      insert.run(seq + 1, entry, hash);
      // After the row is in: a failed insert leaves the chain where it was.
      const before = { seq, head };
      seq += 1;
      head = hash;
      return before;
    },
    /** Where a transaction that was undone has left the chain. */
    back(before) {
      ({ seq, head } = before);
    },
  };
}
