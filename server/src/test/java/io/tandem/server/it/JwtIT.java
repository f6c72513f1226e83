package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.config.ApiKey;
import io.tandem.server.config.HttpAccess;
import io.tandem.server.config.JwtConfig;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tokens of another service are as good as keys, and nothing that looks like one is. */
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class JwtIT {
    private static final String OPERATOR = "operators-key";
    private static final String MODELS = "/v1/models";
    private static final String PROJECTS = "/v1/organization/projects";

    @TempDir
    private static Path directory;

    private TestIssuer issuer;
    private RunningServer server;
    private RunningServer operator;
    private String acme;

    @BeforeAll
    void start() throws Exception {
        issuer = new TestIssuer();
        issuer.addRsa("rsa");
        issuer.addEc("ec");
        server = RunningServer.start(directory, access(URI.create(issuer.address())));
        operator = server.as(OPERATOR);
        acme = operator.json(operator.post(PROJECTS, "{\"name\":\"acme\"}"))
                .path("id")
                .asText();
    }

    @AfterAll
    void stop() {
        server.close();
        issuer.close();
    }

    private static HttpAccess access(URI keys) {
        return new HttpAccess(
                Set.of(),
                Set.of(),
                Optional.of(ApiKey.of("key", OPERATOR)),
                false,
                Optional.empty(),
                Optional.of(new JwtConfig(TestIssuer.NAME, TestIssuer.AUDIENCE, keys, "tenant", "realm_access.roles")));
    }

    /** What a token for acme says, but for some claims; those that are null are missing. */
    private String claims(Map<String, String> others) {
        long now = Instant.now().getEpochSecond();
        Map<String, String> claims = new TreeMap<>(Map.of(
                "iss",
                '"' + TestIssuer.NAME + '"',
                "aud",
                "[\"other\",\"" + TestIssuer.AUDIENCE + "\"]",
                "sub",
                "\"ada\"",
                "iat",
                String.valueOf(now),
                "exp",
                String.valueOf(now + 300),
                "tenant",
                '"' + acme + '"',
                "realm_access",
                "{\"roles\":[\"offline_access\",\"inference\"]}"));
        claims.putAll(others);
        claims.values().removeIf(String::isEmpty);
        StringBuilder text = new StringBuilder();
        claims.forEach((name, value) -> text.append(text.isEmpty() ? "{" : ",")
                .append('"')
                .append(name)
                .append("\":")
                .append(value));
        return text.append('}').toString();
    }

    private String token(Map<String, String> others) throws Exception {
        return issuer.sign("rsa", claims(others));
    }

    private int status(String token, String path) throws Exception {
        return server.as(token).get(path).statusCode();
    }

    private void isRefused(String token, int status, String message) throws Exception {
        HttpResponse<String> answer = server.as(token).get(MODELS);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        assertThat(answer.body()).contains(message);
    }

    @Test
    void claimsSayWhoseAndWhich() throws Exception {
        String inference = token(Map.of());
        assertThat(status(inference, MODELS)).isEqualTo(200);
        assertThat(status(issuer.sign("ec", claims(Map.of())), MODELS)).isEqualTo(200);
        assertThat(status(inference, "/v1/fine_tuning/jobs")).as("the role").isEqualTo(403);
        assertThat(status(inference, "/metrics")).as("the tenant").isEqualTo(403);

        RunningServer trainer = server.as(token(Map.of("realm_access", "{\"roles\":[\"inference\",\"finetune\"]}")));
        assertThat(trainer.get("/v1/fine_tuning/jobs").statusCode()).isEqualTo(200);
        String file = trainer.upload("train.jsonl", TrainingFiles.chats(5));
        assertThat(status(inference, "/v1/files/" + file)).as("of one tenant").isEqualTo(200);
        assertThat(operator.get("/v1/files/" + file).statusCode()).isEqualTo(404);

        String operators = token(Map.of("tenant", "\"default\"", "realm_access", "{\"roles\":\"inference admin\"}"));
        assertThat(server.as(operators).get(PROJECTS).statusCode()).isEqualTo(200);
        assertThat(operator.get(MODELS).statusCode()).as("keys work too").isEqualTo(200);
    }

    @Test
    void whatIsNotSignedByTheIssuerForThisServerNowIsNoKey() throws Exception {
        long now = Instant.now().getEpochSecond();
        isRefused(token(Map.of("exp", String.valueOf(now - 60))), 401, "The token is not valid");
        isRefused(token(Map.of("exp", "")), 401, "it has no 'exp'");
        isRefused(token(Map.of("nbf", String.valueOf(now + 600))), 401, "The token is not valid");
        isRefused(token(Map.of("iss", "\"https://other.example\"")), 401, "The token is not valid");
        isRefused(token(Map.of("iss", "")), 401, "The token is not valid");
        isRefused(token(Map.of("aud", "\"other\"")), 401, "The token is not valid");
        isRefused(token(Map.of("aud", "")), 401, "The token is not valid");
        isRefused(token(Map.of("tenant", "\"proj_nobody\"")), 403, "'tenant' names no project");
        isRefused(token(Map.of("tenant", "[\"" + acme + "\",\"default\"]")), 403, "'tenant' names no project");
        isRefused(token(Map.of("tenant", "")), 403, "'tenant' names no project");
        isRefused(token(Map.of("realm_access", "{\"roles\":[\"root\"]}")), 403, "'realm_access.roles' has no role");
        isRefused(token(Map.of("realm_access", "\"admin\"")), 403, "'realm_access.roles' has no role");

        String good = token(Map.of());
        int signature = good.lastIndexOf('.');
        String admin = claims(Map.of("tenant", "\"default\"", "realm_access", "{\"roles\":[\"admin\"]}"));
        String header = good.substring(0, good.indexOf('.'));
        isRefused(header + "." + TestIssuer.base64(admin) + good.substring(signature), 401, "not valid");
        isRefused(TestIssuer.unsigned("none", "rsa", admin) + ".", 401, "not valid");
        isRefused(TestIssuer.unsigned("none", "rsa", admin) + good.substring(signature), 401, "not valid");
        isRefused(TestIssuer.unsigned("HS256", "rsa", admin) + "." + hmac(admin), 401, "not valid");
        isRefused(good.substring(0, signature + 1), 401, "not valid");
        isRefused("a.b.c", 401, "not valid");
        isRefused("no-token", 401, "not one of this server");
        assertThat(status(good, MODELS)).isEqualTo(200);
    }

    /** The issuer's public key is public: it is no secret to sign with. */
    private String hmac(String claims) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(issuer.key("rsa").getPublic().getEncoded(), "HmacSHA256"));
        byte[] signed = mac.doFinal(TestIssuer.unsigned("HS256", "rsa", claims).getBytes(StandardCharsets.US_ASCII));
        return Base64.getUrlEncoder().withoutPadding().encodeToString(signed);
    }

    @Test
    void aTenantThatIsArchivedHasNoTokens() throws Exception {
        String old = operator.json(operator.post(PROJECTS, "{\"name\":\"old\"}"))
                .path("id")
                .asText();
        String token = token(Map.of("tenant", '"' + old + '"'));
        assertThat(status(token, MODELS)).isEqualTo(200);
        operator.json(operator.post(PROJECTS + "/" + old + "/archive", ""));
        isRefused(token, 403, "names no project");
    }

    @Test
    void aNewKeyIsFetchedWhenATokenNamesIt() throws Exception {
        issuer.addRsa("next");
        String next = issuer.sign("next", claims(Map.of()));
        while (status(next, MODELS) != 200) {
            Thread.sleep(200);
        }
        int asked = issuer.asked();
        KeyPair foreign = issuer.key("rsa");
        for (int i = 0; i < 20; i++) {
            assertThat(status(TestIssuer.sign("unknown-" + i, foreign, claims(Map.of("sub", "\"x\""))), MODELS))
                    .isIn(200, 401);
        }
        assertThat(issuer.asked()).as("nobody makes the server ask and ask").isLessThanOrEqualTo(asked + 1);
    }

    @Test
    void keysMayBeInAFileThatChanges() throws Exception {
        Path other = Files.createDirectory(directory.resolve("other"));
        Path file = other.resolve("jwks.json");
        try (TestIssuer own = new TestIssuer()) {
            own.addEc("old");
            Files.writeString(file, own.jwks());
            try (RunningServer files = RunningServer.start(other, access(file.toUri()))) {
                String admin = claims(Map.of("tenant", "\"default\"", "realm_access", "{\"roles\":[\"admin\"]}"));
                String old = own.sign("old", admin);
                assertThat(files.as(old).get(PROJECTS).statusCode()).isEqualTo(200);
                own.remove("old");
                own.addEc("new");
                Files.writeString(file, own.jwks());
                String fresh = own.sign("new", admin);
                while (files.as(fresh).get(PROJECTS).statusCode() != 200) {
                    Thread.sleep(200);
                }
                assertThat(files.as(old).get(PROJECTS).statusCode())
                        .as("the old key is gone")
                        .isEqualTo(401);
                Files.writeString(file, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\",\"kid\":\"secret\"}]}");
                assertThat(files.as(fresh).get(PROJECTS).statusCode())
                        .as("a document that cannot be used changes nothing")
                        .isEqualTo(200);
            }
        }
    }

    @Test
    void aKeyOfATenantCanBeMadeWithAToken() throws Exception {
        String admin = token(Map.of("realm_access", "{\"roles\":[\"admin\"]}"));
        JsonNode key = JsonBody.MAPPER.readTree(server.as(admin)
                .post(PROJECTS + "/" + acme + "/api_keys", "{\"name\":\"app\"}")
                .body());
        assertThat(status(key.path("value").asText(), MODELS)).isEqualTo(200);
    }
}
