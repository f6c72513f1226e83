package io.tandem.server.http;

import io.tandem.server.api.ApiException;
import io.vertx.core.http.HttpHeaders;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;

/** A page and its files, from the class path, below a path of its own. It has nothing from anywhere else. */
final class WebPage {
    /** Some libraries draw with inline pictures; nothing else comes from outside of the page's files. */
    private static final String POLICY =
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
                    + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static final Map<String, String> TYPES = Map.of(
            "html", "text/html; charset=utf-8",
            "js", "text/javascript; charset=utf-8",
            "css", "text/css; charset=utf-8",
            "png", "image/png",
            "svg", "image/svg+xml");
    private static final String INDEX = "index.html";

    private final String name;
    private final CachedAsset page;
    private final Map<String, CachedAsset> assets = new HashMap<>();

    /**
     * @param name of its directory, beside this class and in the path
     * @param files that the directory has beside {@code index.html}
     */
    WebPage(String name, String... files) {
        this.name = name;
        this.page = asset(INDEX, name + "/" + INDEX);
        for (String file : files) {
            assets.put(file, asset(file, name + "/" + file));
        }
    }

    /**
     * With files of a WebJar, whose paths have its version in them.
     *
     * @param folder within the jar's; may be empty
     */
    WebPage with(String group, String artifact, String folder, String... files) {
        Properties properties = new Properties();
        try (InputStream in = open("/META-INF/maven/" + group + "/" + artifact + "/pom.properties")) {
            properties.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        String root =
                "/META-INF/resources/webjars/" + artifact + "/" + properties.getProperty("version") + "/" + folder;
        for (String file : files) {
            assets.put(file, asset(file, root + file));
        }
        return this;
    }

    private static CachedAsset asset(String file, String resource) {
        String type = TYPES.get(file.substring(file.lastIndexOf('.') + 1));
        try (InputStream in = open(resource)) {
            return new CachedAsset(Objects.requireNonNull(type, file), in.readAllBytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static InputStream open(String resource) {
        return Objects.requireNonNull(WebPage.class.getResourceAsStream(resource), resource);
    }

    /** The page, whose links are relative to the directory that it seems to be in. */
    void page(RoutingContext context) {
        if (context.request().path().endsWith("/")) {
            answer(context, page);
        } else {
            context.response()
                    .setStatusCode(302)
                    .putHeader(HttpHeaders.LOCATION, name + "/")
                    .end();
        }
    }

    /** One of its files, by the path's {@code asset}. */
    void asset(RoutingContext context) {
        String file = context.pathParam("asset");
        CachedAsset asset = assets.get(file);
        if (asset == null) {
            throw ApiException.notFound("asset", "unknown_url", "The page has no '" + file + "'.");
        }
        answer(context, asset);
    }

    private static void answer(RoutingContext context, CachedAsset asset) {
        // Who opened the page in another tab has no hold on it.
        context.response()
                .putHeader("Content-Security-Policy", POLICY)
                .putHeader("Cross-Origin-Opener-Policy", "same-origin")
                .putHeader("Referrer-Policy", "no-referrer");
        asset.answer(context);
    }
}
