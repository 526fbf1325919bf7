import { randomUUID } from 'node:crypto';

/** A UUIDv7. Node keeps random bytes ahead for randomUUID, so this is cheaper than asking for some each time. */
export function newId(now = Date.now()) {
  const time = now.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
