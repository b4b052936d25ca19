import { useId, useState } from 'react';
import { demoLogIn, logIn, logInWithToken, Refusal } from './session.js';
import { Mark } from './Mark.jsx';
import './log-in.css';

const WELCOME = 'Ask your customers, invoices and imports anything the schema knows.';

/**
 * The log-in: e-mail and password, or a pasted API token. Calls `onLogIn(viewer)`.
 * `notice` says why it is shown, `trouble` what went wrong before it was.
 */
export function LogIn({ notice, trouble, onLogIn }) {
  const [withToken, setWithToken] = useState(false);
  const [problem, setProblem] = useState(trouble);
  const [busy, setBusy] = useState(false);

  async function handleSubmit(event) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    setBusy(true);
    setProblem(null);
    try {
      onLogIn(await enter(fields));
    } catch (error) {
      setBusy(false);
      if (!(error instanceof Refusal)) throw error;
      setProblem(error.message);
    }
  }

  function handleSwitch() {
    setWithToken(!withToken);
    setProblem(null);
  }

  return (
    <main className="log-in">
      <form className="log-in-card" onSubmit={handleSubmit}>
        <Mark size={40} />
        <h1>Kith API</h1>
        <p className="log-in-lead">{notice ?? WELCOME}</p>
        {problem && (
          <p className="log-in-problem" role="alert">
            {problem}
          </p>
        )}
        {withToken ? <TokenField /> : <PasswordFields />}
        <button className="log-in-submit" type="submit" disabled={busy}>
          {busy ? 'Logging in…' : withToken ? 'Use this token' : 'Log in'}
        </button>
        <button className="log-in-switch" type="button" onClick={handleSwitch}>
          {withToken ? 'Log in with e-mail and password' : 'Use an API token instead'}
        </button>
      </form>
    </main>
  );
}

function enter(fields) {
  const token = fields.get('token')?.trim();
  return token ? logInWithToken(token) : logIn(fields.get('email').trim(), fields.get('password'));
}

function PasswordFields() {
  const demo = demoLogIn();
  return (
    <>
      <Field
        label="E-mail"
        name="email"
        type="email"
        autoComplete="username"
        defaultValue={demo?.email}
        autoFocus={!demo}
      />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="current-password"
        defaultValue={demo?.password}
        autoFocus={Boolean(demo)}
      />
      {demo && <p className="log-in-hint">The demo company’s log-in is filled in.</p>}
    </>
  );
}

function TokenField() {
  return (
    <>
      <Field label="API token" name="token" type="password" autoComplete="off" spellCheck={false} autoFocus />
      <p className="log-in-hint">Kept in this browser tab only, until you log out or close it.</p>
    </>
  );
}

function Field({ label, ...input }) {
  const id = useId();
  return (
    <div className="log-in-field">
      <label htmlFor={id}>{label}</label>
      <input id={id} required {...input} />
    </div>
  );
}
