import { byId } from '../dom.js';

/** The tabs of the lists, by arrow keys as well, and on small screens the parts of the page. */
export function tabs(): void {
  const list = byId('tabs');
  const all = [...list.querySelectorAll<HTMLElement>('[role=tab]')];
  const select = (tab: HTMLElement): void => {
    for (const other of all) {
      const chosen = other === tab;
      other.setAttribute('aria-selected', String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      byId(other.getAttribute('aria-controls') ?? '').hidden = !chosen;
    }
    list.dispatchEvent(new Event('tab'));
  };
  list.addEventListener('click', ({ target }) => {
    const tab = target instanceof Element ? target.closest<HTMLElement>('[role=tab]') : null;
    if (tab) select(tab);
  });
  list.addEventListener('keydown', (event) => {
    const at = all.indexOf(document.activeElement as HTMLElement);
    const moves: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 };
    const to = moves[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const tab = all[(to + all.length) % all.length];
    if (!tab) return;
    select(tab);
    tab.focus();
  });
}

export type View = 'chart' | 'trade' | 'account';

/** On small screens one part is shown at a time. */
export function views(): (view: View) => void {
  const buttons = [...byId('views').querySelectorAll<HTMLButtonElement>('button')];
  const show = (view: View): void => {
    document.body.dataset['view'] = view;
    for (const button of buttons) {
      if (button.dataset['to'] === view) button.setAttribute('aria-current', 'true');
      else button.removeAttribute('aria-current');
    }
  };
  for (const button of buttons) button.addEventListener('click', () => show(button.dataset['to'] as View));
  return show;
}
