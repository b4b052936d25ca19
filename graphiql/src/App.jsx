import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { LogIn } from './LogIn.jsx';
import { currentViewer, logOut, Refusal } from './session.js';

const openWorkbench = () => import('./open-workbench.js');
const Workbench = lazy(openWorkbench);

/** Finds out who is here and shows the log-in or the workbench; when a log-in ends, the one over the other. */
export function App() {
  const [viewer, setViewer] = useState(undefined);
  const [problem, setProblem] = useState(null);
  const [ended, setEnded] = useState(false);

  useEffect(() => {
    currentViewer()
      .then(setViewer)
      .catch((error) => {
        setProblem(sentence(error));
        setViewer(null);
      })
      // The workbench is large: fetch it while the person types a password. A failure shows when it is opened.
      .finally(() => openWorkbench().catch(() => {}));
  }, []);

  const handleDoubt = useCallback(async () => {
    const stillHere = await currentViewer().catch(() => true);
    if (!stillHere) setEnded(true);
  }, []);

  if (viewer === undefined) return <Waiting />;
  if (viewer === null) return <LogIn trouble={problem} onLogIn={setViewer} />;
  return (
    <Suspense fallback={<Waiting />}>
      <Workbench inert={ended} viewer={viewer} onLogOut={leave} onDoubt={handleDoubt} />
      {ended && <LogInAgain viewer={viewer} onLogIn={() => setEnded(false)} />}
    </Suspense>
  );
}

/** Keeps the open work on the page, but for the same person only: anybody else gets a fresh page. */
function LogInAgain({ viewer, onLogIn }) {
  const handleLogIn = (next) => (next.id === viewer.id ? onLogIn() : location.reload());
  return (
    <div className="kith-overlay" role="dialog" aria-modal="true" aria-label="Log in again">
      <LogIn notice="Your log-in has ended. Log in again to go on where you were." onLogIn={handleLogIn} />
    </div>
  );
}

function Waiting() {
  return (
    <main className="kith-waiting" role="status" aria-label="Loading">
      <span />
    </main>
  );
}

/** A reload leaves nothing of this person's results in memory. */
async function leave() {
  await logOut();
  location.reload();
}

function sentence(error) {
  if (error instanceof Refusal) return error.message;
  throw error;
}
