import { byId } from '../dom.js';

const KEY = 'meshbook-theme';
const THEMES = ['auto', 'light', 'dark'];

/** The colour scheme: the system's, or the one that is chosen, which is remembered. */
export function theme(changed: () => void): void {
  const select = byId<HTMLSelectElement>('theme');
  const apply = (value: string): void => {
    if (value === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = value;
    changed();
  };
  const kept = read();
  select.value = kept;
  apply(kept);
  select.addEventListener('change', () => {
    try {
      localStorage.setItem(KEY, select.value);
    } catch {
      // Where nothing may be kept, the choice holds for this visit.
    }
    apply(select.value);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
}

function read(): string {
  try {
    const kept = localStorage.getItem(KEY) ?? '';
    return THEMES.includes(kept) ? kept : 'auto';
  } catch {
    return 'auto';
  }
}

/** What a colour of the style sheet is in the present scheme, in a form that a canvas takes. */
export function colour(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
