import type { Problem } from "./schema";

/** What the reader is told: each kind has a text of its own in `shared/state/ErrorState`. */
export type ErrorKind = "offline" | "unreachable" | "too-many" | "unavailable" | "not-found" | "refused" | "failed";

export class ApiError extends Error {
  readonly kind: ErrorKind;
  readonly status: number | null;
  /** Seconds the server asks to wait. */
  readonly retryAfter: number | null;
  readonly problem: Partial<Problem>;

  private constructor(
    kind: ErrorKind,
    message: string,
    details: { status?: number; retryAfter?: number | null; problem?: Partial<Problem>; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.name = "ApiError";
    this.kind = kind;
    this.status = details.status ?? null;
    this.retryAfter = details.retryAfter ?? null;
    this.problem = details.problem ?? {};
  }

  static fromNetwork(cause: unknown): ApiError {
    return navigator.onLine
      ? new ApiError("unreachable", "The server cannot be reached", { cause })
      : new ApiError("offline", "This device is offline", { cause });
  }

  static fromAnswer(response: Response, body: unknown): ApiError {
    const problem: Partial<Problem> = typeof body === "object" && body !== null ? body : {};
    const message = problem.detail ?? `The server answered ${response.status}`;
    return new ApiError(kindOf(response.status), message, {
      status: response.status,
      retryAfter: seconds(response.headers.get("Retry-After")),
      problem,
    });
  }

  /** Whether the same request may succeed later. */
  get temporary(): boolean {
    return this.kind !== "not-found" && this.kind !== "refused";
  }
}

function kindOf(status: number): ErrorKind {
  if (status === 429) return "too-many";
  if (status === 404) return "not-found";
  if (status === 502 || status === 503 || status === 504) return "unavailable";
  return status >= 500 ? "failed" : "refused";
}

/** Retry-After is a number of seconds, or a date. */
function seconds(value: string | null): number | null {
  if (value === null) return null;
  const number = Number(value);
  if (Number.isFinite(number)) return Math.max(0, number);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, Math.round((date - Date.now()) / 1000));
}
