package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.networknt.schema.InputFormat;
import com.networknt.schema.SchemaLocation;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import io.tandem.server.api.RequestField;
import io.tandem.server.api.RequestFields;
import io.tandem.server.it.RawHttp.Answer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code /openapi.json} and {@code /docs}: valid, whole, and what the server does. */
@Timeout(120)
class OpenApiIT {
    /** OpenAPI's own schema of its documents, which Vert.x carries. */
    private static final String OPENAPI_SCHEMA = "classpath:/spec.openapis.org/oas/3.1/schema/2022-10-07";

    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static JsonNode document;

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory);
        document = server.json(server.get("/openapi.json"));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void itIsAValidDocument() {
        SchemaRegistry registry = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);
        assertThat(registry.getSchema(SchemaLocation.of(OPENAPI_SCHEMA))
                        .validate(document.toString(), InputFormat.JSON))
                .isEmpty();
        assertThat(document.path("openapi").asText()).startsWith("3.1.");
        JsonNode meta = JSON.createObjectNode().put("$ref", "https://json-schema.org/draft/2020-12/schema");
        for (JsonNode schema : document.at("/components/schemas")) {
            assertThat(registry.getSchema(meta).validate(schema.toString(), InputFormat.JSON))
                    .as(schema.toString())
                    .isEmpty();
        }
    }

    @Test
    void referencesLeadSomewhere() {
        List<String> references = document.findValuesAsText("$ref");
        assertThat(references)
                .hasSizeGreaterThan(100)
                .allSatisfy(reference -> assertThat(
                                document.at(reference.substring(1)).isMissingNode())
                        .as(reference)
                        .isFalse());
        Set<String> unused = new TreeSet<>();
        document.path("components")
                .properties()
                .forEach(kind -> kind.getValue()
                        .fieldNames()
                        .forEachRemaining(name -> unused.add("#/components/" + kind.getKey() + "/" + name)));
        unused.removeAll(references);
        assertThat(unused).isEmpty();
    }

    @Test
    void everyRouteIsInItAndNoOther() throws Exception {
        Set<String> routes = new TreeSet<>();
        server.get("/")
                .body()
                .lines()
                .filter(line -> line.matches("[A-Z]+ /.*"))
                .forEach(route -> routes.add(route.replaceAll(":(\\w+)", "{$1}").replace("*", "{model}")));
        Set<String> described = new TreeSet<>();
        operations((route, operation) -> {
            described.add(route);
            assertThat(operation.path("summary").asText()).as(route).isNotEmpty();
            assertThat(operation.path("tags")).as(route).hasSize(1);
        });
        assertThat(described).isEqualTo(routes);
        assertThat(document.findValuesAsText("operationId")).doesNotHaveDuplicates();
    }

    @Test
    void everyParameterOfAPathIsDescribed() {
        document.path("paths").properties().forEach(path -> {
            List<String> named = new ArrayList<>();
            Matcher names = Pattern.compile("\\{(\\w+)}").matcher(path.getKey());
            while (names.find()) {
                named.add(names.group(1));
            }
            List<String> described = new ArrayList<>();
            for (JsonNode parameter : path.getValue().path("parameters")) {
                JsonNode shared = document.at(parameter.path("$ref").asText("#").substring(1));
                described.add((parameter.has("$ref") ? shared : parameter)
                        .path("name")
                        .asText());
            }
            assertThat(described).as(path.getKey()).isEqualTo(named);
        });
    }

    @Test
    void everyFieldOfARequestForTextIsInIt() {
        Map<RequestField.Route, String> schemas = Map.of(
                RequestField.Route.COMPLETIONS, "CompletionRequest",
                RequestField.Route.CHAT, "ChatCompletionRequest",
                RequestField.Route.RESPONSES, "ResponseRequest");
        schemas.forEach((route, name) -> {
            JsonNode properties = document.at("/components/schemas/" + name + "/properties");
            Set<String> described = new TreeSet<>();
            properties.fieldNames().forEachRemaining(described::add);
            Set<String> fields = new TreeSet<>();
            RequestFields.list().stream()
                    .filter(field -> field.routes().contains(route))
                    .forEach(field -> fields.add(field.name()));
            assertThat(described).isEqualTo(fields);
        });
        assertThat(document.at("/components/schemas/CompletionRequest/properties/max_tokens/maximum")
                        .intValue())
                .isEqualTo(RunningServer.CONTEXT);
    }

    @Test
    void itIsSentOnce() throws Exception {
        String get = "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n";
        for (String path : List.of("/openapi.json", "/docs/", "/docs/swagger-ui.css")) {
            Answer first = RawHttp.exchange(server.port(), get.formatted(path, ""));
            Matcher tag = Pattern.compile("(?i)etag: (\\S+)").matcher(first.head());
            assertThat(tag.find()).as(first.head()).isTrue();
            Answer again = RawHttp.exchange(
                    server.port(), get.formatted(path, "If-None-Match: \"x\", " + tag.group(1) + "\r\n"));
            assertThat(again.status()).isEqualTo(304);
            assertThat(again.body()).isEmpty();
        }
    }

    @Test
    void thePageHasNothingFromElsewhere() throws Exception {
        Answer moved = RawHttp.send(server.port(), "GET", "/docs");
        assertThat(moved.status()).isEqualTo(302);
        assertThat(moved.head()).containsIgnoringCase("location: docs/\r\n");
        Answer page = RawHttp.send(server.port(), "GET", "/docs/");
        assertThat(page.status()).isEqualTo(200);
        assertThat(page.head())
                .containsIgnoringCase(
                        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';")
                .containsIgnoringCase("x-content-type-options: nosniff")
                .doesNotContain("unsafe-");
        assertThat(page.body()).doesNotContain("://").doesNotContain("<style").doesNotContain("style=");
        Matcher links = Pattern.compile("(?:src|href)=\"([^\"./]+[^\"]*)\"").matcher(page.body());
        int found = 0;
        for (; links.find(); found++) {
            Answer asset = RawHttp.send(server.port(), "GET", "/docs/" + links.group(1));
            assertThat(asset.status()).as(links.group(1)).isEqualTo(200);
        }
        assertThat(found).isEqualTo(4);
        for (String path : List.of("/docs/nothing", "/docs/..%2f..%2flogback.xml", "/docs/index.html")) {
            assertThat(RawHttp.send(server.port(), "GET", path).status())
                    .as(path)
                    .isEqualTo(404);
        }
    }

    /** The check that all other tests of the server run through sees what is wrong. */
    @Test
    void whatIsNotDescribedIsNoticed() throws Exception {
        String path = "/v1/completions";
        String body = "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":1}";
        String answer = server.post(path, body).body();
        String more = answer.replace("\"index\":0", "\"index\":0,\"extra\":1");
        String other = answer.replace("\"index\":0", "\"index\":\"0\"");
        String hot = body.replace("1}", "1,\"temperature\":3}");
        assertThat(more).isNotEqualTo(answer);
        for (String wrong : List.of(more, other)) {
            assertThatThrownBy(() -> server.contract().check("POST", path, body, 200, "application/json", wrong))
                    .isInstanceOf(AssertionError.class);
        }
        assertThatThrownBy(() -> server.contract().check("POST", path, hot, 200, "application/json", answer))
                .isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> server.contract().check("POST", path, body, 201, "application/json", answer))
                .isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> server.contract().check("POST", path, body, 200, "text/html", answer))
                .isInstanceOf(AssertionError.class);
    }

    /** What loadtest's fuzzer sends, which it derives wrong requests from. */
    @Test
    void theExamplesOfTheFuzzerAreAsDescribed() throws Exception {
        JsonNode examples =
                JSON.readTree(Path.of("../loadtest/src/main/resources/io/tandem/loadtest/fuzz/examples.json")
                        .toFile());
        int bodies = 0;
        for (Map.Entry<String, JsonNode> route : examples.properties()) {
            String[] parts = route.getKey().split(" ");
            for (JsonNode example : route.getValue()) {
                if (example.has("json")) {
                    server.contract()
                            .check(parts[0], parts[1], example.path("json").toString(), 200, "", "");
                    bodies++;
                }
            }
        }
        assertThat(bodies).isGreaterThan(30);
    }

    private interface Visitor {
        void visit(String route, JsonNode operation);
    }

    private static void operations(Visitor visitor) {
        document.path("paths")
                .properties()
                .forEach(path -> path.getValue().properties().forEach(operation -> {
                    if (!operation.getKey().equals("parameters")) {
                        visitor.visit(
                                operation.getKey().toUpperCase(Locale.ROOT) + " " + path.getKey(),
                                operation.getValue());
                    }
                }));
    }
}
