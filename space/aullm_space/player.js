// Plays the frames of the three clips in step; listens on the component, whose content is replaced with every result.
let timer = null;
const frame = () => Number(element.querySelector("input[type=range]").value);
const count = () => element.querySelectorAll("output").length;

function show(number) {
    element.querySelector("input[type=range]").value = number;
    element.querySelectorAll("figure").forEach((figure) =>
        figure.querySelectorAll("img").forEach((image, index) => (image.hidden = index !== number)));
    element.querySelectorAll("output").forEach((text, index) => (text.hidden = index !== number));
}

function stop() {
    clearInterval(timer);
    timer = null;
    const button = element.querySelector("[data-step=play]");
    if (button) button.textContent = "Play";
}

function play() {
    element.querySelector("[data-step=play]").textContent = "Pause";
    timer = setInterval(() => (count() ? show((frame() + 1) % count()) : stop()), 250);
}

element.addEventListener("click", (event) => {
    const step = event.target.dataset.step;
    if (step === undefined) return;
    if (step === "play") return timer ? stop() : play();
    stop();
    show((frame() + Number(step) + count()) % count());
});
element.addEventListener("input", () => { const number = frame(); stop(); show(number); });
watch("value", stop);
