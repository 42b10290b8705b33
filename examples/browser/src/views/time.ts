const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short' });
const whole = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });

/** `14:03:59` today, `25 Nov` before. */
export function shortTime(timestamp: number): string {
  const time = new Date(timestamp);
  return time.toDateString() === new Date().toDateString() ? clock.format(time) : day.format(time);
}

export const longTime = (timestamp: number): string => whole.format(new Date(timestamp));

export const clockTime = (timestamp: number): string => clock.format(new Date(timestamp));
