/** Numbers as people read them. */

/** A value from -1 to 1 with its sign and a true minus, such as +0.42. */
export function signed(value: number): string {
  const digits = Math.abs(value).toFixed(2);
  return digits === "0.00" ? "0.00" : `${value < 0 ? "\u2212" : "+"}${digits}`;
}

/** Seconds as minutes and seconds, such as 2:05. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A time that something took. */
export function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

/** A size of a file. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
