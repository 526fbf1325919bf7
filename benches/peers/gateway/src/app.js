// The routes below /api/chatehr.

import express from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { body, matchedData, param, query, validationResult } from 'express-validator';
import { authentication, signedIn } from './auth.js';
import { auditLog } from './audit.js';
import { Problem, SPECIALTIES, STATUSES, URGENCIES } from './contract.js';
import { eventStream } from './events.js';
import { newId } from './ids.js';

const RESERVED = ['envelopeId', 'createdBy', 'createdByRole', 'source', 'escalation', 'encrypted'];

export function gateway({ store, seals, tokens, limit }) {
  const audit = auditLog(store.db);
  const events = eventStream(store);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');

  const api = express.Router();
  app.use('/api/chatehr', api);

  api.use((req, res, next) => {
    req.id = newId();
    res.set('X-Request-Id', req.id);
    res.set('Cache-Control', 'no-store');
    next();
  });
  api.get('/health', (req, res) => {
    res.json({
      success: true,
      status: 'healthy',
      service: 'ChatEHR',
      version: '1.0.0',
      timestamp: new Date().toISOString(),
      features: ['events'],
    });
  });
  api.use(authentication(tokens));
  api.use(
    rateLimit({
      windowMs: 60_000,
      limit,
      standardHeaders: 'draft-6',
      legacyHeaders: false,
      keyGenerator: (req) => req.user?.id ?? ipKeyGenerator(req.ip),
      handler: (req, res, next) => next(new Problem(429, 'Too many requests; wait for Retry-After seconds.')),
    }),
  );
  api.use(signedIn);
  api.use((req, res, next) => {
    // Express 5 parses the query again each time it is asked for, and every validation asks.
    Object.defineProperty(req, 'query', { value: req.query });
    next();
  });
  const json = express.json({ limit: '64kb' });

  const enter = (req, action, object, patientId = null, outcome = 'success') =>
    audit.append(req.id, req.user, req.ip, action, object, patientId, outcome);

  /** The access's change and its audit entry together, or neither. */
  function change(req, action, work) {
    let before;
    try {
      return store.transaction(() => {
        const done = work();
        before = enter(req, action, done.record.id, done.patientId);
        return done;
      })();
    } catch (error) {
      if (before) audit.back(before);
      throw error;
    }
  }

  api.post(
    '/consultations',
    json,
    body('patientId').isString().bail().trim().notEmpty(),
    body('specialty').isIn(SPECIALTIES),
    body('description').isString().bail().trim().isLength({ min: 1, max: 5000 }),
    body('urgency').default('routine').isIn(URGENCIES),
    body('physicianId').optional({ values: 'null' }).isString(),
    body('metadata').optional().custom(metadata),
    checked,
    (req, res) => {
      const { user } = req;
      const given = matchedData(req, { locations: ['body'] });
      if (user.role === 'patient' && given.patientId !== user.id) {
        throw new Problem(403, 'A patient may ask for themselves alone.');
      }
      const now = new Date();
      const timestamp = now.toISOString();
      const record = {
        id: newId(now.getTime()),
        patientId: given.patientId,
        physicianId: given.physicianId ?? null,
        specialty: given.specialty,
        urgency: given.urgency,
        description: given.description,
        status: given.physicianId ? 'assigned' : 'pending',
        createdAt: timestamp,
        updatedAt: timestamp,
        version: 1,
        metadata: { ...given.metadata, source: 'gateway', createdBy: user.id, createdByRole: user.role },
      };
      const { event } = change(req, 'consultation.create', () => {
        store.addConsultation(record);
        const kind = {
          kind: 'consultation.changed',
          consultationId: record.id,
          version: record.version,
          urgency: record.urgency,
        };
        const audience = {
          patients: [record.patientId],
          physicians: record.physicianId ? [record.physicianId] : [],
          pools: record.physicianId ? [] : [record.specialty],
          admins: true,
        };
        return { record, patientId: record.patientId, event: events.record(kind, audience) };
      });
      events.tell(event);
      res.status(201).json({ success: true, data: record, metadata: { requestId: req.id, timestamp } });
    },
  );

  api.get(
    '/consultations',
    query('status').optional().isIn(STATUSES),
    query('specialty').optional().isIn(SPECIALTIES),
    query('urgency').optional().isIn(URGENCIES),
    ...paging(20),
    checked,
    (req, res) => {
      const { limit, offset, ...filters } = matchedData(req, { locations: ['query'] });
      const { rows, total } = store.consultations(req.user, filters, limit, offset);
      enter(req, 'consultation.list', rows.map((row) => row.id));
      const metadata = { count: rows.length, total, timestamp: new Date().toISOString() };
      res.json({ success: true, data: rows, metadata });
    },
  );

  api.post(
    '/messages',
    json,
    body('toId').isString().bail().trim().notEmpty(),
    body('content').isString().bail().trim().isLength({ min: 1, max: 10_000 }),
    body('consultationId').isString().bail().notEmpty(),
    body('type').default('text').isIn(['text', 'attachment']),
    body('metadata').optional().custom(metadata),
    checked,
    (req, res) => {
      const { user } = req;
      const given = matchedData(req, { locations: ['body'] });
      const place = participant(user, given.consultationId);
      if (place.status === 'completed' || place.status === 'cancelled') {
        throw new Problem(409, 'The consultation is closed; its conversation takes no more messages.');
      }
      if (given.toId !== (user.role === 'patient' ? place.physicianId : place.patientId)) {
        throw new Problem(400, 'The request cannot be accepted as it is.', [
          { type: 'field', path: 'toId', msg: 'must be the other participant' },
        ]);
      }
      const now = new Date();
      const record = {
        id: newId(now.getTime()),
        fromId: user.id,
        toId: given.toId,
        consultationId: place.id,
        content: '',
        type: given.type,
        timestamp: now.toISOString(),
        metadata: { ...given.metadata, envelopeId: newId(now.getTime()), senderRole: user.role },
      };
      record.content = seals.seal(record, given.content);
      const { event } = change(req, 'message.create', () => {
        store.addMessage(record);
        const kind = { kind: 'message.created', consultationId: place.id, messageId: record.id };
        const audience = {
          patients: [place.patientId],
          physicians: place.physicianId ? [place.physicianId] : [],
          pools: [],
          admins: false,
        };
        return { record, patientId: place.patientId, event: events.record(kind, audience) };
      });
      events.tell(event);
      res.status(201).json({ success: true, data: { ...record, content: given.content } });
    },
  );

  api.get(
    '/messages/:consultationId',
    param('consultationId').isString().notEmpty(),
    ...paging(50),
    checked,
    (req, res) => {
      const { limit, offset } = matchedData(req, { locations: ['query'] });
      const place = participant(req.user, req.params.consultationId);
      const { rows, total } = store.messages(place.id, limit, offset);
      rows.forEach(seals.open);
      enter(req, 'message.list', place.id, place.patientId);
      res.json({ success: true, data: rows, metadata: { total, hasMore: offset + rows.length < total } });
    },
  );

  api.get('/events', (req, res) => {
    enter(req, 'events.listen', null);
    events.listen(req, res);
  });

  api.use((req, res, next) => next(new Problem(404, 'There is nothing here for you.')));

  api.use((error, req, res, next) => {
    if (res.headersSent) return next(error);
    const problem = asProblem(error);
    if (problem.status === 500) console.error(error);
    enter(req, `${req.method} ${req.path}`, null, null, problem.status);
    res.status(problem.status).json(problem.body(req.id));
  });

  /** The consultation, if the user sees it and takes part in it. */
  function participant(user, id) {
    const record = store.consultation(id);
    if (!record || !sees(user, record)) throw new Problem(404, 'There is nothing here for you.');
    if (user.id !== (user.role === 'patient' ? record.patientId : record.physicianId)) {
      throw new Problem(403, 'Only the patient and the physician in charge take part in this conversation.');
    }
    return record;
  }

  return app;
}

function sees(user, record) {
  switch (user.role) {
    case 'admin':
      return true;
    case 'patient':
      return record.patientId === user.id;
    case 'physician': {
      const pooled = record.status === 'pending' && record.physicianId === null;
      return record.physicianId === user.id || (pooled && user.specialties.includes(record.specialty));
    }
    default:
      return false;
  }
}

function paging(otherwise) {
  return [
    query('limit').default(otherwise).isInt({ min: 1, max: 100 }).toInt(),
    query('offset').default(0).isInt({ min: 0, max: 0xffff_ffff }).toInt(),
  ];
}

function metadata(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('must be an object');
  if (Buffer.byteLength(JSON.stringify(value)) > 4096) throw new Error('has at most 4 KiB');
  if (RESERVED.some((name) => Object.hasOwn(value, name))) throw new Error('uses a reserved key');
  return true;
}

function checked(req, res, next) {
  const result = validationResult(req);
  if (result.isEmpty()) return next();
  // Without the values: they may hold a patient's data.
  const details = result.array().map(({ type, path, msg }) => ({ type, path, msg }));
  next(new Problem(400, 'The request cannot be accepted as it is.', details));
}

function asProblem(error) {
  if (error instanceof Problem) return error;
  if (error.type === 'entity.too.large') return new Problem(413, 'A request has at most 64 KiB.');
  if (error.status >= 400 && error.status < 500) return new Problem(400, 'The request cannot be read.');
  return new Problem(500, 'The server failed; its log has the cause under the request id.');
}
