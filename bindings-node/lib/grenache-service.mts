import { GrenacheService } from './grenache-service.js';

export type { CircuitBreakerMetrics, CircuitBreakerStatus, GrenacheHandler } from './grenache-service.js';
export type { Distribution, VectorClock } from './types.js';
export { GrenacheService, GrenacheService as default };
