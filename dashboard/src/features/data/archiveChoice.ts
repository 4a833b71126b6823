import { EARLIEST, indianDayStart } from "./choice";

/** What is used of a file in the archive's manifest: docs/open-data.md. */
export interface ArchivedFile {
  path: string;
  table: string;
  city: string;
  year: number;
  bytes: number;
}

/** What is used of the archive's manifest. */
export interface Manifest {
  created_at: string;
  simulated: boolean;
  format: string;
  schema: Record<string, { name: string; unit?: string }[]>;
  files: ArchivedFile[];
}

/** Whether it is a manifest of the version that this page reads. */
export function isManifest(value: unknown): value is Manifest {
  return typeof value === "object" && value !== null && "version" in value && value.version === VERSION;
}

/** What a reader asks the archive for; Indian dates, both included, empty while they are being typed. */
export interface ArchiveChoice {
  city: string;
  column: string;
  from: string;
  to: string;
}

export interface ArchiveRow {
  time: string;
  value: number | null;
  basis: string;
  source: string;
}

const VERSION = "vayu-archive/1";
const TABLE = "observations";
const DAY = 86_400_000;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** The cities that the archive has hours of. */
export function citiesOf(manifest: Manifest): string[] {
  return [...new Set(manifest.files.filter(({ table }) => table === TABLE).map(({ city }) => city))];
}

/** The unit of a column; nothing for the index. */
export function unitOf(manifest: Manifest, column: string): string {
  return manifest.schema[TABLE]?.find(({ name }) => name === column)?.unit ?? "";
}

export type ArchiveFault = "date" | "order" | "early";

/** Why nothing can be read; null where it can. */
export function archiveFaultOf({ from, to }: ArchiveChoice): ArchiveFault | null {
  if (![from, to].every((date) => DATE.test(date) && !Number.isNaN(Date.parse(date)))) return "date";
  if (from > to) return "order";
  return from < EARLIEST ? "early" : null;
}

/** The hours of these days end after `start` and by `end`, in milliseconds. */
export function spanOf({ from, to }: ArchiveChoice): { start: number; end: number } {
  return { start: indianDayStart(from), end: indianDayStart(to) + DAY };
}

/** The files that hold the hours of a choice, by year; years of files are those of UTC. */
export function filesOf(files: ArchivedFile[], choice: ArchiveChoice): ArchivedFile[] {
  const { start, end } = spanOf(choice);
  const [first, last] = [new Date(start + 1).getUTCFullYear(), new Date(end).getUTCFullYear()];
  return files
    .filter(({ table, city, year }) => table === TABLE && city === choice.city && year >= first && year <= last)
    .sort((a, b) => a.year - b.year);
}

/** The rows as a file; what is not known is empty. */
export function csvOf(rows: ArchiveRow[], column: string): string {
  const lines = rows.map(({ time, value, basis, source }) => [time, value ?? "", basis, source].join(","));
  return `${[["time", column, "basis", "source"].join(","), ...lines].join("\r\n")}\r\n`;
}
