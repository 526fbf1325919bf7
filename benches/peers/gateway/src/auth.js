// Who asks, from a verified bearer token alone.

import { createPublicKey } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { Problem } from './contract.js';

const REMEMBERED = 10_000;

/**
 * Sets `req.user` where there is a valid token. Verified tokens are remembered until they expire, so that the
 * signature is checked once for each token and not for each request.
 */
export function authentication({ publicKey, issuer, audience }) {
  const key = createPublicKey(publicKey);
  const options = { algorithms: ['RS256'], issuer, audience };
  const verified = new Map();

  function verify(token) {
    const known = verified.get(token);
    if (known) {
      if (known.exp * 1000 > Date.now()) return known;
      verified.delete(token);
      return undefined;
    }
    let claims;
    try {
      claims = jwt.verify(token, key, options);
    } catch {
      return undefined;
    }
    const user = person(claims);
    if (!user) return undefined;
    if (verified.size >= REMEMBERED) verified.delete(verified.keys().next().value);
    verified.set(token, user);
    return user;
  }

  return (req, res, next) => {
    const header = req.headers.authorization;
    if (header?.startsWith('Bearer ')) req.user = verify(header.slice(7));
    next();
  };
}

function person({ sub, exp, roles, patient_id: patientId, specialties }) {
  if (typeof sub !== 'string' || typeof exp !== 'number' || !Array.isArray(roles)) return undefined;
  const role = ['admin', 'physician', 'provider', 'patient'].find((name) => roles.includes(name));
  if (!role) return undefined;
  return {
    id: role === 'patient' ? (patientId ?? sub) : sub,
    role: role === 'provider' ? 'physician' : role,
    specialties: Array.isArray(specialties) ? specialties : [],
    exp,
  };
}

export function signedIn(req, res, next) {
  if (req.user) return next();
  res.set('WWW-Authenticate', 'Bearer realm="chatehr"');
  next(new Problem(401, 'Sign in: a valid bearer token is needed.'));
}
