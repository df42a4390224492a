import { render } from "preact";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Empty, Failure, Skeleton } from "./parts/basics.tsx";
import { Announcer, PageHeading } from "./parts/page-heading.tsx";
import { Shell } from "./parts/shell.tsx";
import { SignIn } from "./parts/sign-in.tsx";
import { Toasts } from "./parts/toasts.tsx";
import { BatchPage } from "./pages/batch.tsx";
import { BatchesPage } from "./pages/batches.tsx";
import { LabelsPage } from "./pages/labels.tsx";
import { ProvisioningPage } from "./pages/provisioning.tsx";
import { go, route } from "./state/router.ts";
import { findMe, findRights, me, rights, startProblem } from "./state/session.ts";
import { t } from "./texts/index.ts";

function App(): JSX.Element {
  useEffect(() => void findMe(), []);
  return (
    <>
      <Inside />
      <Announcer />
      <Toasts />
    </>
  );
}

function Inside(): JSX.Element {
  const person = me.value;
  if (person === null) return <SignIn />;
  if (person === undefined) {
    return (
      <main class="start">
        {startProblem.value === undefined ? (
          <Skeleton rows={6} />
        ) : (
          <Failure error={startProblem.value} retry={() => void findMe()} />
        )}
      </main>
    );
  }
  return (
    <Shell>
      <Content />
    </Shell>
  );
}

function Content(): JSX.Element {
  const { account, name, page } = route.value;
  const [first] = me.value?.accounts ?? [];
  useEffect(() => {
    // A phone in the hand is for binding; whoever wants a page here names it.
    if (account === undefined && matchMedia("(max-width: 640px) and (pointer: coarse)").matches) {
      location.replace("/cloud-id");
      return;
    }
    const to = account ?? first;
    if (page === "start" && to !== undefined) go(`/${to}/batches`, { replace: true });
  }, [page, account, first]);
  useEffect(() => {
    rights.value = undefined;
    if (account !== undefined) void findRights(account);
  }, [account]);
  if (account === undefined && first === undefined) {
    return (
      <>
        <PageHeading unseen>{t.product}</PageHeading>
        <Empty icon="box" title={t.signIn.noAccounts} hint={t.signIn.noAccountsHint} />
      </>
    );
  }
  if (account === undefined || page === "start") return <Skeleton rows={6} />;
  if (page === "batches") return <BatchesPage key={account} account={account} />;
  if (page === "batch")
    return <BatchPage key={`${account}/${name ?? ""}`} account={account} name={name ?? ""} />;
  if (page === "provisioning") return <ProvisioningPage key={account} account={account} />;
  return <LabelsPage />;
}

const root = document.querySelector("#app");
if (root !== null) render(<App />, root);
