// A click on the timeline tells the page the time clicked; the plot is drawn anew with every result.
function attach() {
    const plot = document.querySelector("#timeline .js-plotly-plot");
    if (!plot || !plot.on || plot.dataset.listens) return;
    plot.dataset.listens = "yes";
    plot.on("plotly_click", ({ points: [point] }) => trigger("click", { time: point.customdata ?? point.x }));
}
new MutationObserver(attach).observe(document.body, { childList: true, subtree: true });
