import { isMacOs, useGraphiQL } from '@graphiql/react';
import { useEffect, useSyncExternalStore } from 'react';
import { latestRun, setActiveTab, subscribeToRuns } from './runs.js';

const RUN_KEY = isMacOs ? '⌘-Enter' : 'Ctrl-Enter';
const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

/** What the last run in this tab cost: status, time, size, errors and, where the API tells it, its price. */
export function RunFooter() {
  const tabId = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.id);
  const run = useSyncExternalStore(subscribeToRuns, () => latestRun(tabId));

  useEffect(() => setActiveTab(tabId), [tabId]);

  if (!run) return <p className="kith-run">Nothing run in this tab yet. {RUN_KEY} runs the query.</p>;
  return (
    <p className="kith-run" role="status">
      <Status run={run} />
      {run.live ? <LiveFacts run={run} /> : <Facts run={run} />}
      <Errors errors={run.errors} />
      {run.cost && <Cost cost={run.cost} />}
    </p>
  );
}

function Status({ run }) {
  return (
    <b className="kith-status" data-state={tone(run)}>
      {run.live ? liveStatus(run) : httpStatus(run)}
    </b>
  );
}

function tone(run) {
  if (run.state === 'failed' || run.status >= 400) return 'bad';
  if (run.errors.length) return 'doubtful';
  return run.state === 'running' && !run.connected ? 'running' : 'good';
}

function httpStatus({ state, status, statusText }) {
  if (state === 'stopped') return 'Stopped';
  if (status) return `${status} ${statusText}`.trim();
  return state === 'failed' ? 'No answer' : 'Running…';
}

function liveStatus({ state, connected }) {
  if (state === 'running') return connected ? 'Live' : 'Connecting…';
  return { done: 'Completed', stopped: 'Stopped', failed: 'Closed' }[state];
}

function Facts({ run }) {
  if (!run.status) return null;
  return (
    <>
      <span>{number.format(Math.round(run.ms))} ms</span>
      <span>{size(run.bytes)}</span>
    </>
  );
}

function LiveFacts({ run }) {
  return (
    <>
      <span>{count(run.results, 'event')}</span>
      {run.results > 0 && <span>last at {clock.format(run.lastAt)}</span>}
      <span>{size(run.bytes)}</span>
    </>
  );
}

function Errors({ errors }) {
  if (!errors.length) return null;
  const codes = [...new Set(errors.map((error) => error.extensions?.code).filter(Boolean))];
  return (
    <span className="kith-errors">
      {count(errors.length, 'error')}
      {codes.length > 0 && ` (${codes.join(', ')})`}
    </span>
  );
}

function Cost({ cost: { requested, remaining, restoresAt } }) {
  const restored = restoresAt && `Restored at ${clock.format(new Date(restoresAt))}`;
  return (
    <span title={restored}>
      cost {number.format(requested)}
      {remaining != null && `, ${number.format(remaining)} left`}
    </span>
  );
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${number.format(bytes / 1e3)} kB` : `${number.format(bytes / 1e6)} MB`;
}

function count(n, noun) {
  return `${number.format(n)} ${noun}${n === 1 ? '' : 's'}`;
}
