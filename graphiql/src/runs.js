// What the last run of each tab cost: status, time, size, errors. The transport writes, the footer reads.

const MOST_ERRORS = 100;
const latestByTab = new Map();
const listeners = new Set();
let activeTab = null;

export function setActiveTab(id) {
  activeTab = id;
}

export function latestRun(tabId) {
  return latestByTab.get(tabId) ?? null;
}

export function subscribeToRuns(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Starts the record of a run in the active tab (`live` for a subscription) and returns the ways to add to it.
 * Each puts a new record in place, so that readers may compare records by identity.
 */
export function beginRun({ live }) {
  const tabId = activeTab;
  const startedAt = performance.now();
  const elapsed = () => performance.now() - startedAt;
  let run = null;

  function record(changes) {
    const replaced = latestByTab.get(tabId) !== run;
    if (run && replaced) return;
    run = { ...run, ...changes };
    latestByTab.set(tabId, run);
    listeners.forEach((listener) => listener());
  }

  latestByTab.delete(tabId);
  record({ live, state: 'running', ms: 0, bytes: 0, results: 0, errors: [], cost: null });
  return {
    answered: (status, statusText) => record({ status, statusText, ms: elapsed() }),
    // The time stops with the last byte: drawing the result is the browser's time, not the API's.
    received: (bytes) => record({ bytes: run.bytes + bytes, ms: elapsed() }),
    result: (parts) => record(afterResult(run, parts)),
    connected: (connected) => record({ connected }),
    ended: (state) => run.state === 'running' && record({ state }),
  };
}

function afterResult(run, parts) {
  const errors = parts.flatMap((part) => part.errors ?? []);
  const cost = parts.findLast((part) => part.extensions?.cost)?.extensions.cost;
  return {
    results: run.results + Number(parts.some((part) => 'data' in part)),
    errors: [...run.errors, ...errors].slice(-MOST_ERRORS),
    cost: cost ?? run.cost,
    lastAt: new Date(),
  };
}
