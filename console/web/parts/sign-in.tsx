import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { SignInWays } from "../../views/wire.ts";
import { expectArrival, useTitle } from "../state/arrival.ts";
import { call, post, textOf, wordsOf } from "../state/api.ts";
import { endLeft, findMe } from "../state/session.ts";
import { t } from "../texts/index.ts";
import { Failure, Skeleton } from "./basics.tsx";
import { Field } from "./field.tsx";
import { Logo } from "./icons.tsx";
import { PageHeading } from "./page-heading.tsx";

/** The code of why signing in at the provider did not work, when one has just been led back from there. */
const FAILED = "sign-in";

/** Why that was; taken out of the address, for it is of this one time. */
function takeFailure(): string | undefined {
  const query = new URLSearchParams(location.search);
  const code = query.get(FAILED);
  if (code === null) return undefined;
  query.delete(FAILED);
  const rest = query.toString();
  history.replaceState(null, "", location.pathname + (rest === "" ? "" : `?${rest}`));
  return textOf(code) ?? t.errors.title;
}

/** By whichever ways the console has. */
export function SignIn(): JSX.Element {
  const [ways, setWays] = useState<SignInWays>();
  const [problem, setProblem] = useState<unknown>();
  const [failure] = useState(takeFailure);
  const ask = (): void => {
    setProblem(undefined);
    endLeft()
      .then(() => call<SignInWays>("/api/sign-in"))
      .then(setWays, setProblem);
  };
  useTitle(t.signIn.title);
  useEffect(ask, []);
  return (
    <main class="sign-in">
      <div class="sign-in-card">
        <Logo />
        <PageHeading>{t.product}</PageHeading>
        <p class="lead">{t.signIn.lead}</p>
        {failure !== undefined && (
          <p class="note note-bad" role="alert">
            {failure}
          </p>
        )}
        {problem !== undefined && <Failure error={problem} retry={ask} />}
        {ways === undefined && problem === undefined && <Skeleton rows={2} />}
        {ways !== undefined && <Ways ways={ways} />}
      </div>
    </main>
  );
}

function Ways({ ways }: { ways: SignInWays }): JSX.Element {
  const [token, setToken] = useState("");
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const enter = (path: string, body: object): void => {
    setBusy(true);
    setError(undefined);
    post(path, body)
      .then(() => {
        expectArrival();
        return findMe();
      })
      .catch((refused: unknown) => setError(wordsOf(refused)))
      .finally(() => setBusy(false));
  };
  const back = encodeURIComponent(location.pathname + location.search);
  const others = ways.known.length > 0 || ways.oidc !== undefined;
  return (
    <>
      {ways.known.length > 0 && <p>{t.signIn.known}</p>}
      {ways.known.map(({ hint, id, label }) => (
        <button
          key={id}
          type="button"
          class="button button-wide button-two"
          disabled={busy}
          onClick={() => enter("/api/sign-in/known", { id })}
        >
          <strong>{label}</strong>
          <small>{hint}</small>
        </button>
      ))}
      {ways.oidc !== undefined && (
        <a class="button button-main button-wide" href={`/auth/oidc/start?return=${back}`}>
          {t.signIn.oidc(ways.oidc.label)}
        </a>
      )}
      {ways.token && others && <p class="or">{t.signIn.or}</p>}
      {ways.token && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            enter("/api/sign-in/token", { token });
          }}
        >
          <Field
            label={t.signIn.token}
            hint={t.signIn.tokenHint}
            secret
            mono
            value={token}
            onInput={setToken}
            error={error}
          />
          <button
            type="submit"
            class={`button button-wide${others ? "" : " button-main"}`}
            disabled={busy || token.trim() === ""}
          >
            {t.signIn.submit}
          </button>
        </form>
      )}
      {!ways.token && error !== undefined && (
        <p class="wrong" role="alert">
          {error}
        </p>
      )}
    </>
  );
}
