/** What went wrong, as the wasm part tells it. @internal */
export interface Failure {
  code: string;
  message: string;
  field?: string;
  value?: string;
  allowed?: string;
}

/** Any error of this package. `code` is stable; `message` is for people. */
export class MeshbookError extends Error {
  override readonly name: string = 'MeshbookError';

  constructor(
    /** A stable label for programs, like `IN_USE` or `INVALID_VALUE`. */
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** An option has a value that is not allowed. Code `INVALID_VALUE`. */
export class InvalidValueError extends MeshbookError {
  override readonly name = 'InvalidValueError';

  constructor(
    readonly field: string,
    /** The value, cut where it is long. */
    readonly value: string,
    /** What is allowed, in words. */
    readonly allowed: string,
  ) {
    super('INVALID_VALUE', `${field} ${JSON.stringify(value)} is not allowed: ${allowed}`);
  }
}

/**
 * A node did not start: `IN_USE` (another tab has this key), `STORAGE_FAILED`, `STORAGE_LOST`, `STORAGE_UNREADABLE`,
 * `KEY_EXISTS`, `WASM_FAILED`, `SHUTTING_DOWN`.
 */
export class StartError extends MeshbookError {
  override readonly name = 'StartError';
}

/**
 * An order was not placed: `INVALID_ORDER`, `NOT_INITIALIZED`, `SHUTTING_DOWN`, `POST_ONLY_WOULD_TAKE`,
 * `FILL_OR_KILL_NOT_ENOUGH`, `TOO_MANY_ORDERS`, `STORAGE_FAILED`, `STORAGE_STALLED`, `STORAGE_LOST`, `IN_USE`, `KEY_REVOKED`,
 * `CLOCK_OFF`.
 */
export class OrderError extends MeshbookError {
  override readonly name = 'OrderError';

  constructor(
    code: string,
    message: string,
    /** With `INVALID_ORDER`: the field whose value is not allowed. */
    readonly field?: string,
  ) {
    super(code, message);
  }
}

/** Whether this is what the wasm part throws. @internal */
export function isFailure(error: unknown): error is Failure {
  return typeof error === 'object' && error !== null && 'code' in error && 'message' in error;
}
