// Hands the answer of an authorization request to the playground, and takes it out of the address at once.
const query = location.search;
history.replaceState(null, "", location.pathname);
const said = document.querySelector("[data-said]");
const state = new URLSearchParams(query).get("state");

const sameTab = sessionStorage.getItem("playground");
if (sameTab) {
  // The playground was left for this: it takes what it needs from here, and clears it.
  sessionStorage.setItem("playground", JSON.stringify({ ...JSON.parse(sameTab), query }));
  location.replace(location.pathname);
} else {
  const channel = new BroadcastChannel("playground");
  const nobody = setTimeout(() => {
    said.textContent = "No playground is waiting for this answer: its tab was closed or loaded again. Start there once more.";
  }, 1500);
  channel.onmessage = ({ data }) => {
    if (data.taken !== state) return;
    clearTimeout(nobody);
    said.textContent = "The playground has the answer. You can close this tab.";
    window.close();
  };
  channel.postMessage({ state, query });
}
