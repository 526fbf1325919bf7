// Message content at rest: `chatehr.3.<kid>.<base64url(nonce ‖ ciphertext ‖ tag)>`, AES-256-GCM, a key for each
// consultation, bound to its place.

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomFillSync } from 'node:crypto';

const KEYS_KEPT = 10_000;
const INFO = 'chatehr message 3';

export function sealing(secret) {
  if (Buffer.byteLength(secret) < 32) throw new Error('CHATEHR_ROOT_SECRET has at least 32 bytes');
  const kid = createHash('sha256').update('chatehr kid\0').update(secret).digest('hex').slice(0, 12);
  const prefix = `chatehr.3.${kid}.`;
  const keys = new Map();
  const nonces = Buffer.alloc(12 * 256);
  let used = nonces.length;

  function keyOf(consultationId) {
    let key = keys.get(consultationId);
    if (!key) {
      key = Buffer.from(hkdfSync('sha256', secret, consultationId, INFO, 32));
      if (keys.size >= KEYS_KEPT) keys.delete(keys.keys().next().value);
      keys.set(consultationId, key);
    }
    return key;
  }

  // One system call for many nonces.
  function nonce() {
    if (used === nonces.length) {
      randomFillSync(nonces);
      used = 0;
    }
    used += 12;
    return nonces.subarray(used - 12, used);
  }

  function place(message) {
    const parts = ['3', kid, message.consultationId, message.metadata.envelopeId, message.fromId, message.toId];
    const sizes = parts.map((part) => Buffer.byteLength(part));
    const data = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + size + 4, 0));
    let at = 0;
    parts.forEach((part, n) => {
      at = data.writeUInt32BE(sizes[n], at);
      at += data.write(part, at);
    });
    return data;
  }

  return {
    seal(message, text) {
      const iv = nonce();
      const cipher = createCipheriv('aes-256-gcm', keyOf(message.consultationId), iv);
      cipher.setAAD(place(message));
      const sealed = [iv, cipher.update(text, 'utf8'), cipher.final()];
      sealed.push(cipher.getAuthTag());
      return prefix + Buffer.concat(sealed).toString('base64url');
    },
    open(message) {
      if (!message.content.startsWith(prefix)) return unreadable(message);
      const body = Buffer.from(message.content.slice(prefix.length), 'base64url');
      if (body.length < 28) return unreadable(message);
      const end = body.length - 16;
      try {
        const decipher = createDecipheriv('aes-256-gcm', keyOf(message.consultationId), body.subarray(0, 12));
        decipher.setAAD(place(message));
        decipher.setAuthTag(body.subarray(end));
        message.content = decipher.update(body.subarray(12, end), undefined, 'utf8') + decipher.final('utf8');
        return message;
      } catch {
        return unreadable(message);
      }
    },
  };
}

function unreadable(message) {
  message.metadata.unreadable = true;
  return message;
}
