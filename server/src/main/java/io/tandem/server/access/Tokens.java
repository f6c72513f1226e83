package io.tandem.server.access;

import io.tandem.server.api.ApiException;
import io.tandem.server.config.JwtConfig;
import io.tandem.server.tenant.Caller;
import io.tandem.server.tenant.Role;
import io.tandem.server.tenant.Tenants;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.auth.JWTOptions;
import io.vertx.ext.auth.authentication.TokenCredentials;
import io.vertx.ext.auth.jwt.JWTAuth;
import io.vertx.ext.auth.jwt.JWTAuthOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds out who sends a request by a token that another service has signed (RFC 7519). The issuer's keys are read again
 * now and then, and when a token names one that is not known yet. Safe from any thread.
 */
public final class Tokens {
    private static final Logger LOG = LoggerFactory.getLogger(Tokens.class);
    private static final Pattern SYNTAX = Pattern.compile("[\\w-]+\\.[\\w-]+\\.[\\w-]*");
    /** Clocks differ. */
    private static final int LEEWAY_SECONDS = 30;
    /** Nobody can make the server ask the issuer more often than that. */
    private static final long PAUSE_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final Vertx vertx;
    private final JwtConfig config;
    private final Tenants tenants;
    private final Jwks jwks;
    private volatile @Nullable Keys keys;
    private long lastRead = System.nanoTime() - PAUSE_NANOS;
    private String problem = "";

    /** @param ids of the keys that have one */
    private record Keys(JWTAuth provider, Set<String> ids) {}

    /**
     * @throws IOException if the keys should be in a file and are not; an issuer that does not answer yet is asked again
     */
    public Tokens(Vertx vertx, JwtConfig config, Tenants tenants) throws IOException {
        this.vertx = vertx;
        this.config = config;
        this.tenants = tenants;
        this.jwks = new Jwks(config.keys());
        refresh();
        if (keys == null && jwks.isFile()) {
            throw new IOException("jwt.jwks: " + problem);
        }
    }

    /** Whether something may be a token, going by its form. */
    public static boolean hasForm(String text) {
        return SYNTAX.matcher(text).matches();
    }

    /** Reads the keys again. As long as they cannot be read, the old ones stay. Waits for the disk or the issuer. */
    public synchronized void refresh() {
        lastRead = System.nanoTime();
        try {
            List<JsonObject> read = jwks.read();
            Set<String> ids = new HashSet<>();
            read.forEach(key -> ids.add(key.getString("kid", "")));
            JWTOptions options = new JWTOptions()
                    .setIssuer(config.issuer())
                    .addAudience(config.audience())
                    .setLeeway(LEEWAY_SECONDS);
            keys = new Keys(
                    JWTAuth.create(vertx, new JWTAuthOptions().setJwks(read).setJWTOptions(options)), ids);
            problem = "";
        } catch (IOException | RuntimeException e) {
            if (!problem.equals(e.toString())) {
                problem = e.toString();
                LOG.warn("the keys of {} cannot be read: {}", config.issuer(), problem);
            }
        }
    }

    /** Reads them if that was not just done. */
    private synchronized void refreshUnlessJustDone() {
        if (System.nanoTime() - lastRead >= PAUSE_NANOS) {
            refresh();
        }
    }

    /** Who has this token; fails with an {@link ApiException} if it is not valid. */
    public Future<Caller> verify(String token) {
        Keys known = keys;
        if (known != null && known.ids().contains(keyId(token))) {
            return verify(known, token);
        }
        return vertx.<@Nullable Keys>executeBlocking(
                        () -> {
                            refreshUnlessJustDone();
                            return keys;
                        },
                        false)
                .compose(read -> read == null
                        ? Future.failedFuture(new ApiException(
                                503,
                                "server_error",
                                null,
                                "issuer_unavailable",
                                "The keys of the tokens' issuer cannot be read; try again later."))
                        : verify(read, token));
    }

    private static String keyId(String token) {
        try {
            byte[] header = Base64.getUrlDecoder().decode(token.substring(0, token.indexOf('.')));
            Object id = new JsonObject(new String(header, StandardCharsets.UTF_8)).getValue("kid");
            return id instanceof String text ? text : "";
        } catch (IllegalArgumentException | DecodeException e) {
            return "";
        }
    }

    private Future<Caller> verify(Keys with, String token) {
        return with.provider()
                .authenticate(new TokenCredentials(token))
                .recover(failure -> Future.failedFuture(refusal(failure.getMessage())))
                .map(user -> caller(user.attributes().getJsonObject("accessToken")));
    }

    private Caller caller(JsonObject claims) {
        // One that never expires cannot be taken back.
        if (!(claims.getValue("exp") instanceof Number)) {
            throw refusal("it has no 'exp'");
        }
        Role role = texts(claim(claims, config.roleClaim()))
                .flatMap(label -> Role.of(label).stream())
                .max(Comparator.naturalOrder())
                .orElseThrow(() -> insufficient(config.roleClaim(), "has no role of this server"));
        String tenant = claim(claims, config.tenantClaim()) instanceof String id ? id : "";
        String subject = claims.getValue("sub") instanceof String text ? text : "-";
        return tenants.principal(tenant, role)
                .map(principal -> new Caller(principal, "token:" + subject))
                .orElseThrow(() -> insufficient(config.tenantClaim(), "names no project of this server"));
    }

    /** A claim by its name, or by the names on the way to it. */
    private static @Nullable Object claim(JsonObject claims, String name) {
        if (claims.containsKey(name)) {
            return claims.getValue(name);
        }
        int dot = name.indexOf('.');
        return dot > 0 && claims.getValue(name.substring(0, dot)) instanceof JsonObject inner
                ? claim(inner, name.substring(dot + 1))
                : null;
    }

    private static Stream<String> texts(@Nullable Object claim) {
        if (claim instanceof String text) {
            return Arrays.stream(text.split(" "));
        }
        return claim instanceof JsonArray list
                ? list.stream().filter(String.class::isInstance).map(String.class::cast)
                : Stream.empty();
    }

    private static ApiException refusal(@Nullable String why) {
        return new ApiException(
                401, "invalid_request_error", null, "invalid_api_key", "The token is not valid: " + why + ".");
    }

    private static ApiException insufficient(String claim, String what) {
        return new ApiException(
                403,
                "invalid_request_error",
                null,
                "insufficient_permissions",
                "The token's claim '" + claim + "' " + what + ".");
    }
}
