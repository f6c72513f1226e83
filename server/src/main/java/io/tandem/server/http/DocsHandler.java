package io.tandem.server.http;

import io.tandem.server.api.ApiException;
import io.vertx.core.http.HttpHeaders;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;

/** {@code /docs}: Swagger UI shows {@code /openapi.json}. The page has nothing from anywhere else. */
final class DocsHandler {
    /** Swagger UI draws with inline pictures; nothing else comes from outside of the page's files. */
    private static final String POLICY =
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
                    + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static final String SCRIPT = "text/javascript; charset=utf-8";
    private static final CachedAsset PAGE = new CachedAsset("text/html; charset=utf-8", read("docs/index.html"));
    private static final Map<String, CachedAsset> ASSETS = Map.of(
            "start.js", new CachedAsset(SCRIPT, read("docs/start.js")),
            "swagger-ui-bundle.js", new CachedAsset(SCRIPT, read(library("swagger-ui-bundle.js"))),
            "swagger-ui.css", new CachedAsset("text/css; charset=utf-8", read(library("swagger-ui.css"))),
            "favicon-32x32.png", new CachedAsset("image/png", read(library("favicon-32x32.png"))));

    private DocsHandler() {}

    /** The path of a file of Swagger UI on the class path, which has the version in it. */
    private static String library(String file) {
        Properties artifact = new Properties();
        try (InputStream in = open("/META-INF/maven/org.webjars/swagger-ui/pom.properties")) {
            artifact.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return "/META-INF/resources/webjars/swagger-ui/" + artifact.getProperty("version") + "/" + file;
    }

    private static byte[] read(String resource) {
        try (InputStream in = open(resource)) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static InputStream open(String resource) {
        return Objects.requireNonNull(DocsHandler.class.getResourceAsStream(resource), resource);
    }

    /** The page, whose links are relative to the directory that it seems to be in. */
    static void page(RoutingContext context) {
        if (context.request().path().endsWith("/")) {
            answer(context, PAGE);
        } else {
            context.response()
                    .setStatusCode(302)
                    .putHeader(HttpHeaders.LOCATION, "docs/")
                    .end();
        }
    }

    static void asset(RoutingContext context) {
        String name = context.pathParam("asset");
        CachedAsset asset = ASSETS.get(name);
        if (asset == null) {
            throw ApiException.notFound("asset", "unknown_url", "The page has no '" + name + "'.");
        }
        answer(context, asset);
    }

    private static void answer(RoutingContext context, CachedAsset asset) {
        context.response().putHeader("Content-Security-Policy", POLICY).putHeader("Referrer-Policy", "no-referrer");
        asset.answer(context);
    }
}
