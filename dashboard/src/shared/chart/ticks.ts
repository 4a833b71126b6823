const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Indian Standard Time is 5:30 ahead of UTC all year. */
const OFFSET = 5.5 * HOUR;
const STEPS = [HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 56 * DAY, 112 * DAY];

export interface Tick {
  time: number;
  /** Whether a day of Indian time begins there. */
  midnight: boolean;
}

/** Times for an axis, at full hours or midnights of Indian time, at most one more than `most` unless a step of 16 weeks gives more. */
export function istTicks(start: number, end: number, most: number): Tick[] {
  const step = STEPS.find((candidate) => (end - start) / candidate <= most) ?? 112 * DAY;
  const first = Math.ceil((start + OFFSET) / step) * step - OFFSET;
  const ticks: Tick[] = [];
  for (let time = first; time <= end; time += step) ticks.push({ time, midnight: (time + OFFSET) % DAY === 0 });
  return ticks;
}
