// Times in the reader's zone, and opens as they come. Without this script times are read in UTC,
// and the page shows the opens of the moment it was loaded.

const inZone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function showInZone(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    time.title = time.textContent;
    time.textContent = inZone.format(new Date(time.dateTime));
  }
}

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  showInZone(template.content);
  return template.content;
}

// The service says something every five seconds, whether anything was opened or not.
const SILENT_MS = 15_000;

function follow(live) {
  const latest = live.querySelector("#latest");
  const pause = live.querySelector("#pause");
  const most = Number(live.dataset.most);
  let source, silent;

  function replace(id) {
    return (event) => live.querySelector(id).replaceWith(parsed(event.data));
  }

  // Not every connection that is lost says so, and a browser comes back by itself to none that was
  // answered by anybody else, such as a proxy while the service is away.
  function watch() {
    clearTimeout(silent);
    silent = setTimeout(() => {
      live.querySelector("#silence").textContent =
        "Nothing comes from the service. This page goes on trying; if that lasts, reload it.";
      begin();
    }, SILENT_MS);
  }

  function end() {
    clearTimeout(silent);
    source?.close();
  }

  function begin() {
    end();
    watch();
    source = new EventSource(live.dataset.from);
    source.addEventListener("all", (event) => latest.replaceChildren(parsed(event.data)));
    source.addEventListener("more", (event) => {
      latest.prepend(parsed(event.data));
      while (latest.children.length > most) latest.lastElementChild.remove();
    });
    source.addEventListener("rate", replace("#rate"));
    source.addEventListener("silence", replace("#silence"));
    source.addEventListener("silence", watch);
  }

  // A browser has few connections to one host: a tab that nobody sees keeps none of them.
  function followIfSeen() {
    if (document.hidden || pause.getAttribute("aria-pressed") === "true") end();
    else begin();
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    const isPaused = pause.getAttribute("aria-pressed") === "true";
    pause.setAttribute("aria-pressed", String(!isPaused));
    followIfSeen();
  });
  document.addEventListener("visibilitychange", followIfSeen);
  followIfSeen();
}

showInZone(document);
const live = document.querySelector("#live");
if (live) follow(live);
