package io.tandem.server.http;

import java.util.Set;

/** The pages that the server has for people. They need no key themselves; what they show does. */
final class WebPages {
    /** Swagger UI, which shows {@code /openapi.json}. */
    static final WebPage DOCS = new WebPage("docs", "start.js")
            .with("org.webjars", "swagger-ui", "", "swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png");

    /** What runs, and what can be done about it. */
    static final WebPage CONSOLE = new WebPage(
                    "console",
                    "console.css",
                    "icon.svg",
                    "main.js",
                    "api.js",
                    "dom.js",
                    "charts.js",
                    "prometheus.js",
                    "overview.js",
                    "jobs.js",
                    "adapters.js",
                    "tenants.js",
                    "playground.js")
            .with("org.webjars.npm", "uplot", "dist/", "uPlot.esm.js", "uPlot.min.css");

    private static final Set<String> PATHS = Set.of("/docs", "/docs/", "/console", "/console/");

    private WebPages() {}

    /** Whether one of the pages is there, and not one of their files. */
    static boolean has(String path) {
        return PATHS.contains(path);
    }
}
