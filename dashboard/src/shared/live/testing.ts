import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { isObject, parseObject } from "./protocol";

interface Event {
  seq: number;
  kind: string;
  cities: string[];
  time: string;
  data_version: number;
}

/** A service that sends events as docs/events.md says, on a real port; each way can be taken away and given back. */
export class LiveServer {
  readonly events: Event[] = [];
  /** The oldest event that is still there. */
  oldest = 1;
  hasSocket = true;
  hasStream = true;
  hasLive = true;
  /** Whether a stream ends after what there is, as on platforms that do not stream. */
  endsStreams = false;
  /** Whether signs of life are answered. */
  answers = true;
  readonly hellos: unknown[] = [];
  pings = 0;
  readonly requests: string[] = [];
  readonly #sockets = new Set<WebSocket>();
  readonly #streams = new Set<ServerResponse>();
  readonly #server: Server;
  readonly #socketServer: WebSocketServer;

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#socketServer = new WebSocketServer({ noServer: true });
    this.#server.on("upgrade", (request, socket, head) => {
      if (!this.hasSocket) {
        socket.destroy();
        return;
      }
      this.#socketServer.handleUpgrade(request, socket, head, (opened) => this.#greet(opened));
    });
  }

  static async open(): Promise<LiveServer> {
    const server = new LiveServer();
    await new Promise<void>((resolve) => void server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get live(): string {
    return `http://${this.#host}/api/v1/live`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  get streams(): number {
    return this.#streams.size;
  }

  get #host(): string {
    const address = this.#server.address();
    if (!isAddress(address)) throw new Error("the server is closed");
    return `127.0.0.1:${address.port}`;
  }

  add(kind: string, ...cities: string[]): number {
    const seq = (this.events.at(-1)?.seq ?? 0) + 1;
    const event = { seq, kind, cities, time: "2025-11-05T10:41:00Z", data_version: seq };
    this.events.push(event);
    for (const socket of this.#sockets) socket.send(JSON.stringify({ type: "event", ...event }));
    for (const stream of this.#streams) stream.write(asStream(event));
    return seq;
  }

  /** To all that are connected by a WebSocket. */
  send(text: string): void {
    for (const socket of this.#sockets) socket.send(text);
  }

  /** Breaks all connections without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.terminate();
    for (const stream of this.#streams) stream.destroy();
    this.#sockets.clear();
    this.#streams.clear();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  #greet(socket: WebSocket): void {
    socket.on("message", (data: Buffer) => {
      const message = parseObject(data.toString());
      if (message?.["type"] === "ping") {
        this.pings += 1;
        if (this.answers) socket.send(JSON.stringify({ type: "pong" }));
      }
      if (message?.["type"] !== "hello") return;
      this.hellos.push(message);
      const newest = this.events.at(-1)?.seq ?? 0;
      const after = typeof message["after"] === "number" ? message["after"] : newest;
      const lost = after + 1 < this.oldest || after > newest;
      socket.send(JSON.stringify({ type: "welcome", seq: lost ? newest : after }));
      if (lost) socket.send(JSON.stringify({ type: "reload" }));
      else for (const event of this.#after(after)) socket.send(JSON.stringify({ type: "event", ...event }));
      this.#sockets.add(socket);
    });
    socket.on("close", () => this.#sockets.delete(socket));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.live);
    this.requests.push(request.url ?? "/");
    if (pathname === "/api/v1/live" && this.hasLive) {
      json(response, { websocket: `ws://${this.#host}/socket`, events: "/api/v1/events" });
    } else if (pathname === "/api/v1/events" && this.hasStream) {
      const newest = this.events.at(-1)?.seq ?? 0;
      if (request.headers.accept !== "text/event-stream") {
        json(response, { events: [], next: newest, oldest: this.oldest });
        return;
      }
      const given = request.headers["last-event-id"] ?? searchParams.get("after");
      this.#stream(response, given === null ? newest : Number(given), newest);
    } else {
      response.writeHead(503).end();
    }
  }

  #stream(response: ServerResponse, after: number, newest: number): void {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("retry: 20\n\n");
    if (after + 1 < this.oldest || after > newest) response.write(`id: ${newest}\nevent: reload\ndata: {"reload":true,"next":${newest}}\n\n`);
    else for (const event of this.#after(after)) response.write(asStream(event));
    if (this.endsStreams) {
      response.end();
      return;
    }
    this.#streams.add(response);
    response.on("close", () => this.#streams.delete(response));
  }

  #after(seq: number): Event[] {
    return this.events.filter((event) => event.seq > seq);
  }
}

function isAddress(address: unknown): address is AddressInfo {
  return isObject(address) && typeof address["port"] === "number";
}

function asStream(event: Event): string {
  return `id: ${event.seq}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}
