/** An object's own way to itself, whatever stands around it. */
const SELF = Symbol('meshbook.self');

/**
 * Lets an object be used through a `Proxy`, as Vue, MobX and others make one of all that they are given:
 * private fields are not found through it. For constructors, with {@link throughProxies} for their class.
 *
 * @internal
 */
export function knowsItself(object: object): void {
  // A function, since proxies that go deep wrap what is an object again.
  Object.defineProperty(object, SELF, { value: () => object, configurable: true });
}

/**
 * Makes the methods and getters of a class find the object itself behind a `Proxy`.
 *
 * @internal
 */
export function throughProxies(prototype: object): void {
  for (const name of Reflect.ownKeys(prototype)) {
    if (name === 'constructor') continue;
    const property = Object.getOwnPropertyDescriptor(prototype, name)!;
    const { value, get } = property;
    if (typeof value === 'function') Object.defineProperty(prototype, name, { ...property, value: found(value) });
    else if (get) Object.defineProperty(prototype, name, { ...property, get: found(get as Method) });
  }
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

function found(method: Method): Method {
  const through = function (this: unknown, ...args: unknown[]): unknown {
    const self = (this as { [SELF]?: () => unknown } | undefined)?.[SELF];
    return method.apply(self === undefined ? this : self(), args);
  };
  Object.defineProperty(through, 'name', { value: method.name, configurable: true });
  Object.defineProperty(through, 'length', { value: method.length, configurable: true });
  return through;
}

/**
 * Makes every copy of an object fail and say so: `structuredClone`, `postMessage`, `v8.serialize` and spreading
 * read all enumerable properties, and would give a thing that looks like the object and is dead.
 *
 * @internal
 */
export function refusesCopies(object: object, name: string, instead: string): void {
  const get = (): never => {
    throw new TypeError(`${name} can't be copied, nor sent to a worker: ${instead}`);
  };
  Object.defineProperty(object, '_handle', { get, enumerable: true, configurable: true });
}
