package io.tandem.server.http;

import io.tandem.server.api.ApiException;
import io.tandem.server.config.Authority;
import io.tandem.server.config.HttpConfig;
import io.tandem.server.config.WebOrigin;
import io.tandem.server.trace.RequestSpan;
import io.vertx.core.Handler;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Refuses what no route should have to think of.
 *
 * <p>First, requests that a page of another site makes a browser send. Such a page can reach every server of the
 * browser's machine, and as long as the browser believes that server to be the page's own (DNS rebinding) it reads the
 * answers too. So a request has to name this server as its host and, if a page sent it, come from a page of this server
 * or of a configured origin. Programs send neither an origin nor fetch metadata. Links to the pages for people work from
 * everywhere: a page without its answer or a frame has nothing of them.
 */
final class FrontDoor implements Handler<HttpServerRequest> {
    private static final Pattern NOT_ENCODED = Pattern.compile("%(?![0-9a-fA-F]{2}).{0,2}");
    private static final String FETCH_SITE = "Sec-Fetch-Site";

    private final Set<String> knownHosts;
    private final Set<WebOrigin> corsOrigins;
    private final Handler<HttpServerRequest> inside;

    FrontDoor(HttpConfig config, Handler<HttpServerRequest> inside) {
        this.knownHosts = config.knownHosts();
        this.corsOrigins = config.access().corsOrigins();
        this.inside = inside;
    }

    @Override
    public void handle(HttpServerRequest request) {
        RequestIds.assign(request);
        RequestSpan.withoutQuery(request);
        RequestSpan.withKnownMethod(request);
        // What somebody uploaded is never a page of this server.
        request.response().putHeader("X-Content-Type-Options", "nosniff");
        try {
            requireOwnPage(request, requireKnownHost(request));
            requireReadableUrl(request.uri());
            requireKnownExpectation(request);
            requirePlainBody(request);
        } catch (ApiException refusal) {
            ErrorMapper.answer(request, refusal);
            return;
        }
        inside.handle(request);
    }

    private Authority requireKnownHost(HttpServerRequest request) {
        List<String> hosts = request.headers().getAll(HttpHeaders.HOST);
        if (hosts.size() != 1) {
            throw malformed("A request needs one Host header; this one has " + hosts.size() + ".");
        }
        // A target with a host of its own overrides the header.
        String target = request.uri();
        if (!target.startsWith("/") && target.contains("://")) {
            requireKnown(request, target.substring(target.indexOf("://") + 3).split("[/?#]", 2)[0]);
        }
        return requireKnown(request, hosts.get(0));
    }

    private Authority requireKnown(HttpServerRequest request, String name) {
        Authority host = Authority.parse(name)
                .orElseThrow(() -> malformed("The Host header is not a name or an address with an optional port."));
        if (!knownHosts.contains(host.host()) && !host.host().equals(localAddress(request))) {
            throw ErrorMapper.wrong(
                    421,
                    "unknown_host",
                    "This server is not known as '" + host.host() + "'; add the name to http.hosts if it should be.");
        }
        return host;
    }

    /** Nobody else's page can have the address that this connection was made to as its origin. */
    private static String localAddress(HttpServerRequest request) {
        String address = Optional.ofNullable(request.localAddress())
                .map(local -> local.hostAddress())
                .orElse("");
        return address.contains(":") ? "[" + address + "]" : address;
    }

    private void requireOwnPage(HttpServerRequest request, Authority host) {
        List<String> origins = request.headers().getAll(HttpHeaders.ORIGIN);
        Optional<WebOrigin> origin = origins.size() == 1 ? WebOrigin.parse(origins.get(0)) : Optional.empty();
        if (origin.filter(corsOrigins::contains).isPresent()) {
            return;
        }
        boolean own = origin.filter(page -> page.isServedBy(host)).isPresent();
        if (!origins.isEmpty() && !own) {
            throw foreign();
        }
        for (String site : request.headers().getAll(FETCH_SITE)) {
            // "none" is the person at the browser; "same-site" is a page of another port or a sibling name.
            boolean allowed = site.equals("same-origin") || site.equals("none") || (own && site.equals("same-site"));
            if (!allowed && !opensPage(request)) {
                throw foreign();
            }
        }
    }

    /** Whether a person follows a link to a page, which alone does nothing, in a tab of its own. */
    private static boolean opensPage(HttpServerRequest request) {
        return request.method().equals(HttpMethod.GET)
                && WebPages.has(request.path())
                && request.headers().getAll("Sec-Fetch-Mode").equals(List.of("navigate"))
                && request.headers().getAll("Sec-Fetch-Dest").equals(List.of("document"));
    }

    /** Decoders further inside throw when they meet such a URL, each in its own way. */
    private static void requireReadableUrl(String url) {
        Matcher wrong = NOT_ENCODED.matcher(url);
        if (wrong.find()) {
            throw ErrorMapper.wrong(
                    400,
                    "bad_url",
                    "The URL has '" + wrong.group()
                            + "', which is not a percent-encoded character; '%' itself is '%25'.");
        }
    }

    private static void requireKnownExpectation(HttpServerRequest request) {
        String expected = request.getHeader(HttpHeaders.EXPECT);
        if (expected != null && !expected.equalsIgnoreCase("100-continue")) {
            throw ErrorMapper.wrong(417, "expectation_failed", "The only expectation that is met is '100-continue'.");
        }
    }

    private static void requirePlainBody(HttpServerRequest request) {
        String encoding = request.getHeader(HttpHeaders.CONTENT_ENCODING);
        if (encoding != null && !encoding.equalsIgnoreCase("identity")) {
            throw ErrorMapper.wrong(
                    415,
                    "unsupported_encoding",
                    "Bodies have to be sent uncompressed; leave out 'Content-Encoding', which is '"
                            + encoding.replaceAll("[^!-~]", "?") + "'.");
        }
    }

    private static ApiException foreign() {
        return ErrorMapper.wrong(
                403,
                "origin_not_allowed",
                "Pages of other origins may not use this server; add the page's origin to http.cors-origins if it may.");
    }

    private static ApiException malformed(String message) {
        return ErrorMapper.wrong(400, "bad_host", message);
    }
}
