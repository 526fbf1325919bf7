// Server-sent events: numbered, kept for a while, told to those who may hear of them.

const KEPT = 10_000;
const HEARTBEAT_MS = 15_000;
const HEARTBEAT = Buffer.from(': heartbeat\n\n');

export function eventStream(store) {
  const listeners = new Set();

  setInterval(() => {
    for (const { res } of listeners) res.write(HEARTBEAT);
  }, HEARTBEAT_MS).unref();

  return {
    /** Inside the transaction: numbers it and keeps it. */
    record: (kind, audience) => ({ n: store.addEvent(kind, audience, KEPT), kind, audience }),
    /** After the transaction. The text is made once for all. */
    tell(event) {
      const text = Buffer.from(frame(event));
      for (const { user, res } of listeners) if (hears(user, event.audience)) res.write(text);
    },
    listen(req, res) {
      const { user } = req;
      res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
      let hello = ': connected\n\n';
      const last = Number(req.get('Last-Event-ID'));
      if (Number.isSafeInteger(last) && last > 0) {
        for (const event of store.eventsSince(last)) if (hears(user, event.audience)) hello += frame(event);
      }
      res.write(hello);
      const listener = { user, res };
      listeners.add(listener);
      res.on('close', () => listeners.delete(listener));
    },
  };
}

function frame({ n, kind }) {
  return `id: ${n}\nevent: ${kind.kind}\ndata: ${JSON.stringify(kind)}\n\n`;
}

function hears(user, audience) {
  switch (user.role) {
    case 'admin':
      return audience.admins;
    case 'patient':
      return audience.patients.includes(user.id);
    case 'physician':
      return audience.physicians.includes(user.id) || audience.pools.some((pool) => user.specialties.includes(pool));
    default:
      return false;
  }
}
