import ReconnectingWebSocket from "partysocket/ws";
import { hello, isObject, isSeq, KINDS, type LiveEvent, PING, parseEvent, parseMessage, parseObject } from "./protocol";

/** How the page learns of changes: at once by one of two kinds of connection, or by asking every minute. */
export type Way = "connecting" | "websocket" | "events" | "polling";

/** All in milliseconds. */
export interface Pace {
  /** First and longest wait between two attempts; each is spread at random, so that not all pages come back at once. */
  least: number;
  most: number;
  /** So long a higher way may be interrupted before a lower one is used. */
  patience: number;
  /** An event stream that the service ends comes again by itself, mostly after 15 s. */
  gap: number;
  /** After so long without a message the page asks whether the other end is still there … */
  silence: number;
  /** … and waits so long for its answer. */
  answer: number;
}

const PACE: Pace = { least: 1000, most: 60_000, patience: 3000, gap: 45_000, silence: 100_000, answer: 20_000 };

export interface LadderOptions {
  /** Address of GET /live. */
  live: string;
  onEvent: (event: LiveEvent) => void;
  /** Whatever the page has may be old. */
  onReload: () => void;
  /** A connection is there for the first time: what was read just before may be older than its first event. */
  onFirst: () => void;
  onWay: (way: Way) => void;
  pace?: Partial<Pace>;
  /** A class to be used in place of the browser's. */
  WebSocket?: unknown;
  EventSource?: typeof EventSource;
}

interface Addresses {
  websocket: string | null;
  events: string;
}

/**
 * Climbs from polling over an event stream (SSE) to a WebSocket, and falls back when one breaks. Whichever way an event comes, the next
 * connection, of either kind, continues after it: what happens in between is sent then, or `reload` where it is no longer there.
 *
 * The WebSocket is tried again all the time by partysocket, which brings time-outs and the back-off; the rest is about which way is in
 * use. Polling itself is the queries' own: see `shared/api/queryClient`.
 */
export class Ladder {
  readonly #options: LadderOptions;
  readonly #pace: Pace;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #way: Way = "connecting";
  /** The last event that is known; null: none yet. */
  #seq: number | null = null;
  #socket: ReconnectingWebSocket | null = null;
  #socketAddress: string | null = null;
  /** Where its hello was to continue. */
  #continuedAfter: number | null = null;
  /** Whether the WebSocket is open and the service has greeted. */
  #welcomed = false;
  #source: EventSource | null = null;
  #failures = 0;
  /** Counts starts, so that an answer to a request of a former one is not taken for this one's. */
  #run = 0;
  #running = false;

  constructor(options: LadderOptions) {
    this.#options = options;
    this.#pace = { ...PACE, ...options.pace };
  }

  get way(): Way {
    return this.#way;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#failures = 0;
    this.#setWay("connecting");
    void this.#open();
  }

  /** Closes everything, and remembers where it was. */
  stop(): void {
    this.#running = false;
    this.#run += 1;
    for (const name of this.#timers.keys()) this.#cancel(name);
    this.#closeSource();
    const socket = this.#socket;
    this.#socket = null;
    this.#socketAddress = null;
    this.#welcomed = false;
    socket?.close();
    this.#setWay("connecting");
  }

  /** Begins anew and at once, as when the network is back. */
  restart(): void {
    this.stop();
    this.start();
  }

  async #open(): Promise<void> {
    const run = (this.#run += 1);
    const addresses = await this.#addresses();
    if (run !== this.#run || this.#welcomed) return;
    if (addresses === null) {
      this.#retry();
      return;
    }
    if (addresses.websocket !== null && this.#connect(addresses.websocket)) {
      this.#after("patience", this.#pace.patience, () => void this.#listen(addresses.events));
    } else {
      await this.#listen(addresses.events);
    }
  }

  async #addresses(): Promise<Addresses | null> {
    const body = await getObject(this.#options.live, this.#pace.answer);
    if (body === null || typeof body["events"] !== "string") return null;
    const events = new URL(body["events"], this.#options.live).href;
    return { websocket: typeof body["websocket"] === "string" ? body["websocket"] : null, events };
  }

  #retry(): void {
    this.#setWay("polling");
    const wait = Math.min(this.#pace.most, this.#pace.least * 2 ** this.#failures);
    this.#failures += 1;
    this.#after("retry", Math.max(this.#pace.least, wait * (0.5 + Math.random() / 2)), () => void this.#open());
  }

  /** Returns whether a new connection is on its way. */
  #connect(address: string): boolean {
    if (this.#socketAddress === address) return false;
    this.#socketAddress = address;
    const former = this.#socket;
    const socket = new ReconnectingWebSocket(address, undefined, socketOptions(this.#pace, this.#options.WebSocket));
    this.#socket = socket;
    former?.close();
    socket.addEventListener("open", () => {
      if (socket !== this.#socket) return;
      this.#continuedAfter = this.#seq;
      socket.send(hello(this.#seq));
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket) this.#onMessage(data);
    });
    socket.addEventListener("close", () => {
      if (socket === this.#socket) this.#onClose();
    });
    return true;
  }

  #onMessage(data: unknown): void {
    this.#listenForSilence();
    const message = parseMessage(data);
    if (message?.type === "welcome") this.#onWelcome(message.seq);
    else if (message?.type === "event") this.#take(message);
    else if (message?.type === "reload") this.#options.onReload();
  }

  #onWelcome(seq: number): void {
    this.#cancel("patience");
    this.#cancel("retry");
    this.#closeSource();
    this.#failures = 0;
    this.#welcomed = true;
    this.#setWay("websocket");
    if (this.#continuedAfter !== null && seq < this.#continuedAfter) {
      // The numbers began anew, as with another database.
      this.#seq = seq;
      this.#options.onReload();
      return;
    }
    const isFirst = this.#seq === null;
    // The event stream may have brought more while this was on its way.
    this.#seq = Math.max(this.#seq ?? 0, seq);
    if (isFirst) this.#options.onFirst();
  }

  #onClose(): void {
    this.#cancel("silence");
    if (this.#welcomed) this.#after("patience", this.#pace.patience, () => void this.#open());
    this.#welcomed = false;
  }

  /** A connection whose other end is gone can stay open for hours. */
  #listenForSilence(): void {
    const socket = this.#socket;
    this.#after("silence", this.#pace.silence, () => {
      socket?.send(PING);
      this.#after("silence", this.#pace.answer, () => socket?.reconnect());
    });
  }

  async #listen(address: string): Promise<void> {
    if (this.#source !== null) return;
    // No message but an event says where its stream is: without one, the next connection would not know where to continue.
    if (this.#seq === null) {
      const run = this.#run;
      // Of a kind that is rare, so that the page is mostly empty and ends with the newest event.
      const page = await getObject(`${address}?kinds=model`, this.#pace.answer);
      if (run !== this.#run || this.#source !== null || this.#welcomed) return;
      if (page === null) {
        this.#retry();
        return;
      }
      if (isSeq(page["next"])) this.#seq = page["next"];
      this.#options.onFirst();
    }
    const Source = this.#options.EventSource ?? EventSource;
    const source = new Source(this.#seq === null ? address : `${address}?after=${this.#seq}`);
    this.#source = source;
    this.#fallAfter(this.#pace.patience);
    source.addEventListener("open", () => {
      if (source !== this.#source) return;
      this.#cancel("fall");
      this.#failures = 0;
      this.#renewAfterSilence();
      this.#setWay("events");
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, ({ data }) => {
        const event = parseEvent(data);
        if (event === null || source !== this.#source) return;
        this.#renewAfterSilence();
        this.#take(event);
      });
    }
    source.addEventListener("reload", ({ data }) => {
      if (source !== this.#source) return;
      const next = parseObject(data)?.["next"];
      this.#seq = isSeq(next) ? next : null;
      this.#options.onReload();
    });
    source.addEventListener("error", () => {
      if (source !== this.#source) return;
      if (source.readyState === Source.CLOSED) {
        this.#closeSource();
        this.#retry();
      } else if (!this.#timers.has("fall")) {
        this.#fallAfter(this.#pace.gap);
      }
    });
  }

  /** The browser keeps the signs of life of an event stream to itself. */
  #renewAfterSilence(): void {
    this.#after("renew", this.#pace.silence * 6, () => {
      this.#closeSource();
      void this.#open();
    });
  }

  #fallAfter(milliseconds: number): void {
    this.#after("fall", milliseconds, () => this.#setWay("polling"));
  }

  #closeSource(): void {
    this.#cancel("fall");
    this.#cancel("renew");
    this.#source?.close();
    this.#source = null;
  }

  #take(event: LiveEvent): void {
    // Sent a second time, as by a stream that begins again while a WebSocket opens.
    if (this.#seq !== null && event.seq <= this.#seq) return;
    this.#seq = event.seq;
    this.#options.onEvent(event);
  }

  #setWay(way: Way): void {
    if (way === this.#way) return;
    this.#way = way;
    this.#options.onWay(way);
  }

  #after(name: string, milliseconds: number, action: () => void): void {
    this.#cancel(name);
    this.#timers.set(
      name,
      setTimeout(() => {
        this.#timers.delete(name);
        action();
      }, milliseconds),
    );
  }

  #cancel(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

/** partysocket reads its delays at each attempt: here each has its own, at random. */
function socketOptions({ least, most, answer }: Pace, Socket: unknown) {
  return {
    get minReconnectionDelay() {
      return least * (1 + Math.random());
    },
    get maxReconnectionDelay() {
      return most * (0.5 + Math.random() / 2);
    },
    reconnectionDelayGrowFactor: 2,
    // A connection that breaks at once does not start the back-off anew.
    minUptime: least * 5,
    connectionTimeout: answer / 2,
    maxEnqueuedMessages: 0,
    ...(Socket === undefined ? {} : { WebSocket: Socket }),
  };
}

async function getObject(address: string, patience: number): Promise<Record<string, unknown> | null> {
  try {
    const response = await fetch(address, { cache: "no-store", headers: { Accept: "application/json" }, signal: AbortSignal.timeout(patience) });
    if (!response.ok) return null;
    const body: unknown = await response.json();
    return isObject(body) ? body : null;
  } catch {
    return null;
  }
}
