// The words of the wire contract.

export const SPECIALTIES = [
  'cardiology', 'dermatology', 'endocrinology', 'gastroenterology', 'neurology', 'oncology',
  'orthopedics', 'pediatrics', 'psychiatry', 'pulmonology', 'radiology', 'primary_care',
];
export const URGENCIES = ['routine', 'urgent', 'emergency'];
export const STATUSES = ['pending', 'assigned', 'in_progress', 'completed', 'cancelled'];

const CODES = {
  400: 'VALIDATION_ERROR',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  413: 'PAYLOAD_TOO_LARGE',
  429: 'RATE_LIMIT_EXCEEDED',
  500: 'INTERNAL_ERROR',
};

/** What a request is refused with: one shape everywhere. */
export class Problem extends Error {
  constructor(status, message, details) {
    super(message);
    this.status = status;
    this.details = details;
  }

  body(requestId) {
    const error = { code: CODES[this.status] ?? 'INTERNAL_ERROR', message: this.message, requestId };
    if (this.details) error.details = this.details;
    return { success: false, error };
  }
}
