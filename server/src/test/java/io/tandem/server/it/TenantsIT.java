package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.client.TenantsCommand;
import io.tandem.server.storage.StoredData;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** Tenants, their keys and roles, through the API and the command line. */
@Timeout(120)
class TenantsIT {
    private static final String PROJECTS = "/v1/organization/projects";
    private static final String OPERATORS = PROJECTS + "/default/api_keys";
    private static final String COMPLETION = "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":1}";
    private static final String NO_JOB = "{\"model\":\"tiny\",\"training_file\":\"file-1\"}";

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static RunningServer operator;

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory);
        operator = server.as(firstKey());
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** Nobody has a key yet, so nobody needs one; and whoever makes the first one has to be able to make others. */
    private static String firstKey() throws Exception {
        HttpResponse<String> tooLow = server.post(OPERATORS, "{\"name\":\"app\",\"role\":\"finetune\"}");
        assertThat(tooLow.statusCode()).isEqualTo(400);
        assertThat(tooLow.body()).contains("'role'");
        assertThat(server.get("/v1/models").statusCode()).isEqualTo(200);
        String key = server.json(server.post(OPERATORS, "{\"name\":\"ops\",\"role\":\"admin\"}"))
                .path("value")
                .asText();
        assertThat(server.get("/v1/models").statusCode()).isEqualTo(401);
        return key;
    }

    private static String tenant(String name) throws Exception {
        return operator.json(operator.post(PROJECTS, "{\"name\":\"" + name + "\"}"))
                .path("id")
                .asText();
    }

    private static JsonNode newKey(String tenant, String role) throws Exception {
        String body = "{\"name\":\"k\",\"role\":\"" + role + "\"}";
        return operator.json(operator.post(PROJECTS + "/" + tenant + "/api_keys", body));
    }

    private static int complete(String key) throws Exception {
        return server.as(key).post("/v1/completions", COMPLETION).statusCode();
    }

    @Test
    void aKeyIsShownOnce() throws Exception {
        String tenant = tenant("once");
        JsonNode key = newKey(tenant, "inference");
        String value = key.path("value").asText();
        assertThat(value).matches("sk-tandem-[A-Za-z0-9_-]{43}");
        String redacted = key.path("redacted_value").asText();
        assertThat(redacted).startsWith("sk-tandem-").endsWith(value.substring(value.length() - 4));
        JsonNode again = operator.json(operator.get(
                PROJECTS + "/" + tenant + "/api_keys/" + key.path("id").asText()));
        assertThat(again.has("value")).isFalse();
        assertThat(again.path("last_used_at").isNull()).isTrue();
        assertThat(complete(value)).isEqualTo(200);
        String list = operator.get(PROJECTS + "/" + tenant + "/api_keys").body();
        assertThat(list).contains(redacted).doesNotContain(value).doesNotContain("\"last_used_at\":null");
        StringBuilder stored = new StringBuilder();
        try (Stream<Path> files = Files.walk(directory.resolve("data"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                stored.append(new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1));
            }
        }
        assertThat(stored.toString()).contains(key.path("id").asText()).doesNotContain(value);
    }

    @Test
    void aDeletedKeyOpensNothing() throws Exception {
        String tenant = tenant("deleted");
        JsonNode key = newKey(tenant, "inference");
        JsonNode other = newKey(tenant, "inference");
        String path = PROJECTS + "/" + tenant + "/api_keys/" + key.path("id").asText();
        assertThat(complete(key.path("value").asText())).isEqualTo(200);
        assertThat(operator.delete(path).statusCode()).isEqualTo(200);
        assertThat(complete(key.path("value").asText())).isEqualTo(401);
        assertThat(complete(other.path("value").asText())).isEqualTo(200);
        assertThat(operator.delete(path).statusCode()).isEqualTo(404);
        assertThat(operator.post(PROJECTS + "/" + tenant + "/archive", "{}").statusCode())
                .isEqualTo(200);
        assertThat(complete(other.path("value").asText())).isEqualTo(401);
        assertThat(operator.get(PROJECTS).body()).doesNotContain(tenant);
        assertThat(operator.get(PROJECTS + "?include_archived=true").body()).contains(tenant);
    }

    @Test
    void theLastKeyThatCanMakeKeysStays() throws Exception {
        List<String> admins = new ArrayList<>();
        for (JsonNode key : operator.json(operator.get(OPERATORS)).path("data")) {
            if (key.path("role").asText().equals("admin")) {
                admins.add(key.path("id").asText());
            }
        }
        assertThat(admins).hasSize(1);
        assertThat(operator.delete(OPERATORS + "/" + admins.get(0)).statusCode())
                .isEqualTo(400);
        assertThat(operator.post(PROJECTS + "/default/archive", "{}").statusCode())
                .isEqualTo(400);
    }

    @Test
    void adminsOfATenantSeeNoOther() throws Exception {
        String tenant = tenant("own");
        String other = tenant("other");
        String otherKey = newKey(other, "inference").path("id").asText();
        RunningServer admin = server.as(newKey(tenant, "admin").path("value").asText());
        JsonNode seen = admin.json(admin.get(PROJECTS)).path("data");
        assertThat(seen).hasSize(1);
        assertThat(seen.path(0).path("id").asText()).isEqualTo(tenant);
        for (String id : List.of(other, "default", "proj_000000000000000000000000", "x")) {
            String path = PROJECTS + "/" + id;
            for (HttpResponse<String> answer : List.of(
                    admin.get(path),
                    admin.post(path, "{\"name\":\"mine\"}"),
                    admin.post(path + "/archive", "{}"),
                    admin.get(path + "/api_keys"),
                    admin.post(path + "/api_keys", "{\"name\":\"mine\"}"),
                    admin.get(path + "/api_keys/" + otherKey),
                    admin.delete(path + "/api_keys/" + otherKey))) {
                assertThat(answer.statusCode())
                        .as(answer.request() + " " + answer.body())
                        .isEqualTo(404);
            }
        }
        assertThat(admin.get(PROJECTS + "/" + tenant + "/api_keys/" + otherKey).statusCode())
                .isEqualTo(404);
        assertThat(admin.post(PROJECTS, "{\"name\":\"more\"}").statusCode()).isEqualTo(403);
        assertThat(admin.post(PROJECTS + "/" + tenant, "{\"name\":\"more\"}").statusCode())
                .isEqualTo(403);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{\"name\":\"\"}",
                "{\"name\":\"  \"}",
                "{\"name\":\"a\\nb\"}",
                "{\"name\":7}",
                "{\"name\":\"a\",\"id\":\"proj_1\"}",
                "{\"name\":\"Default\"}",
                "[]"
            })
    void wrongNamesAreRefused(String body) throws Exception {
        HttpResponse<String> answer = operator.post(PROJECTS, body);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(answer.body()).contains("invalid_request_error");
    }

    @Test
    void aHugeNameAndAnUnknownRoleAreRefused() throws Exception {
        assertThat(operator.post(PROJECTS, "{\"name\":\"" + "x".repeat(129) + "\"}")
                        .statusCode())
                .isEqualTo(400);
        assertThat(operator.post(OPERATORS, "{\"name\":\"k\",\"role\":\"root\"}")
                        .statusCode())
                .isEqualTo(400);
    }

    /** Of all days: midnight may come in between. */
    private static long sum(JsonNode usage, String count) {
        return usage.findValues(count).stream().mapToLong(JsonNode::asLong).sum();
    }

    /** Of all days in a table of usage. */
    private static long requests(String csv, String tenant) {
        return csv.lines()
                .filter(line -> line.contains("," + tenant + ",tiny,"))
                .mapToLong(line -> Long.parseLong(line.split(",")[3]))
                .sum();
    }

    @Test
    void usageIsCountedByTenantModelAndDay() throws Exception {
        String tenant = tenant("counted");
        RunningServer caller = server.as(newKey(tenant, "admin").path("value").asText());
        String usage = "/v1/organization/usage/completions?start_time="
                + (Instant.now().getEpochSecond() - 86_400);
        long before = sum(operator.json(operator.get(usage)), "num_model_requests");
        long input = 0;
        for (int i = 0; i < 3; i++) {
            JsonNode answer = caller.json(caller.post("/v1/completions", COMPLETION.replace("1}", "4,\"n\":2}")));
            input += 2 * answer.at("/usage/prompt_tokens").asLong();
        }
        caller.json(caller.post("/v1/embeddings", "{\"model\":\"tiny\",\"input\":\"a\"}"));
        JsonNode result = caller.json(caller.get(usage + "&group_by=model&group_by[]=project_id"));
        assertThat(sum(result, "num_model_requests")).isEqualTo(4);
        assertThat(sum(result, "input_tokens")).isGreaterThan(input);
        assertThat(sum(result, "output_tokens")).isBetween(6L, 25L);
        assertThat(result.findValuesAsText("model")).containsOnly("tiny");
        assertThat(result.findValuesAsText("project_id")).containsOnly(tenant);
        assertThat(sum(operator.json(operator.get(usage)), "num_model_requests") - before)
                .isGreaterThanOrEqualTo(4);
        String csv = caller.get(usage + "&format=csv").body();
        assertThat(csv.lines().skip(1)).allMatch(line -> line.contains(tenant + ",tiny,"));
        assertThat(requests(csv, tenant)).isEqualTo(4);
        assertThat(requests(tenants("usage", "--days", "2"), tenant)).isEqualTo(4);
        // Others' usage is nobody else's.
        assertThat(caller.get(usage + "&project_ids=default").statusCode()).isEqualTo(404);
        assertThat(caller.get(usage + "&project_ids=" + tenant).statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "?start_time=x",
                "?start_time=-1",
                "?start_time=999999999999",
                "?start_time=1&bucket_width=1h",
                "?start_time=1&limit=0",
                "?start_time=1&group_by=user_id",
                "?start_time=1&format=xml",
                "?start_time=1&end=2"
            })
    void wrongQuestionsAboutUsageAreRefused(String query) throws Exception {
        HttpResponse<String> answer = operator.get("/v1/organization/usage/completions" + query);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
    }

    @Test
    void pagesOfUsageFollowEachOther() throws Exception {
        String usage = "/v1/organization/usage/completions?limit=31&start_time=";
        JsonNode page = operator.json(operator.get(usage + "0&end_time=2764800"));
        assertThat(page.path("data")).hasSize(31);
        assertThat(page.path("has_more").asBoolean()).isTrue();
        String next = page.path("next_page").asText();
        JsonNode last = operator.json(operator.get(usage + "0&end_time=2764800&page=" + next));
        assertThat(last.path("data")).hasSize(1);
        assertThat(last.path("has_more").asBoolean()).isFalse();
        assertThat(operator.get(usage + "99999999999").statusCode()).isEqualTo(200);
    }

    @Test
    void theCommandLineDoesTheSame() throws Exception {
        String id = tenants("create", "shop").strip();
        assertThat(id).startsWith("proj_");
        assertThat(tenants("list")).contains(id, "shop", "default");
        String key =
                tenants("keys", "shop", "--create", "app", "--role", "finetune").strip();
        assertThat(complete(key)).isEqualTo(200);
        String listed = tenants("keys", id);
        assertThat(listed).contains("app", "finetune").doesNotContain(key);
        String keyId = listed.lines().skip(1).findFirst().orElseThrow().split(" ")[0];
        tenants("keys", "shop", "--delete", keyId);
        assertThat(complete(key)).isEqualTo(401);
        assertThat(tenants("quota", "shop")).containsPattern("requests_per_minute +none");
        assertThat(tenants("quota", "shop", "--requests-per-minute", "7", "--weight", "2"))
                .containsPattern("requests_per_minute +7")
                .containsPattern("weight +2");
        assertThat(tenants("archive", "shop")).contains("archived");
    }

    private static String tenants(String... arguments) {
        StringWriter out = new StringWriter();
        List<String> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--url", server.url(), "--api-key", operator.key()));
        int status = new CommandLine(new TenantsCommand())
                .setOut(new PrintWriter(out))
                .execute(all.toArray(String[]::new));
        assertThat(status).isZero();
        return out.toString();
    }

    /** On a server of its own: a damaged tenant has no keys, but that somebody had one is not forgotten. */
    @Test
    void keysSurviveARestartAndADamagedFileOpensNoDoor(@TempDir Path other) throws Exception {
        String key;
        try (RunningServer first = RunningServer.start(other)) {
            key = first.json(first.post(OPERATORS, "{\"name\":\"ops\",\"role\":\"admin\"}"))
                    .path("value")
                    .asText();
        }
        try (RunningServer second = RunningServer.start(other)) {
            assertThat(second.get("/v1/models").statusCode()).isEqualTo(401);
            assertThat(second.as(key).get("/v1/models").statusCode()).isEqualTo(200);
        }
        StoredData.change(other.resolve("data"), "tenants", "default", body -> body.substring(0, body.length() / 2));
        try (RunningServer third = RunningServer.start(other)) {
            assertThat(third.get("/v1/models").statusCode()).isEqualTo(401);
            assertThat(third.as(key).get("/v1/models").statusCode()).isEqualTo(401);
            assertThat(third.get("/ready").statusCode()).isEqualTo(200);
        }
    }
}
