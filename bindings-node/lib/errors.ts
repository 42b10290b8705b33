/** What went wrong, as the native part tells it. */
export interface Failure {
  code: string;
  message: string;
  field?: string;
  value?: string;
  allowed?: string;
}

/** Any error of this package. `code` is stable; `message` is for people. */
export class MeshbookError extends Error {
  /** A stable label for programs, like `EADDRINUSE` or `INVALID_VALUE`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }

  static {
    // On the prototype, as the names of errors are, and not an own property of each.
    Object.defineProperty(this.prototype, 'name', { value: 'MeshbookError', writable: true, configurable: true });
  }
}

/** An option or a variable has a value that is not allowed. Code `INVALID_VALUE`. */
export class InvalidValueError extends MeshbookError {
  /** The option as the application wrote it, like `p2p.port`, or the environment variable. */
  readonly field: string;
  /** The value, cut where it is long. */
  readonly value: string;
  /** What is allowed, in words. */
  readonly allowed: string;

  constructor(field: string, value: string, allowed: string, message?: string) {
    super('INVALID_VALUE', message ?? `${field} ${JSON.stringify(value)} is not allowed: ${allowed}`);
    this.field = field;
    this.value = value;
    this.allowed = allowed;
  }

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'InvalidValueError', writable: true, configurable: true });
  }
}

/**
 * A node did not start: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `INVALID_HOST`, `DATA_DIR_IN_USE`,
 * `FILE_EXPOSED`, `KEY_DAMAGED`, `JOURNAL_DAMAGED`, `JOURNAL_UNREADABLE`, `STORAGE_FAILED`, `SHUTTING_DOWN`, ...
 */
export class StartError extends MeshbookError {
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'StartError', writable: true, configurable: true });
  }
}

/**
 * An order was not placed: `INVALID_ORDER`, `NOT_INITIALIZED`, `SHUTTING_DOWN`, `POST_ONLY_WOULD_TAKE`,
 * `FILL_OR_KILL_NOT_ENOUGH`, `TOO_MANY_ORDERS`, `RATE_LIMITED`, `STORAGE_FAILED`, `KEY_REVOKED`, `CLOCK_OFF`.
 */
export class OrderError extends MeshbookError {
  /** With `INVALID_ORDER`: the field whose value is not allowed. */
  declare readonly field?: string;

  constructor(code: string, message: string, field?: string) {
    super(code, message);
    if (field !== undefined) (this as { field?: string }).field = field;
  }

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'OrderError', writable: true, configurable: true });
  }
}

/** Whether the native part gave a failure in place of what was asked for. @internal */
export function isFailure(value: object): value is Failure {
  return 'code' in value && 'message' in value;
}

/** @internal */
export function invalid(failure: Failure): MeshbookError {
  const { field, value, allowed } = failure;
  if (field === undefined || value === undefined || allowed === undefined) {
    return new MeshbookError(failure.code, failure.message);
  }
  return new InvalidValueError(field, value, allowed, failure.message);
}
