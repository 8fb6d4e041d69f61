/** Starts the service worker that keeps page and model on the device. */

/** Keep the page, and say so where it was kept. Development servers have no worker to give. */
export function keepOffline(promise: HTMLElement): void {
  if (import.meta.env.DEV || !("serviceWorker" in navigator)) return;
  navigator.serviceWorker
    .register(new URL("sw.js", document.baseURI))
    .then(() => navigator.serviceWorker.ready)
    .then(() => {
      promise.textContent = "Nothing leaves this device. Ready offline";
    })
    // Private windows and some settings forbid it; the page works all the same, with a network.
    .catch((error: unknown) => console.warn("The page is not kept for use without a network:", error));
}
