package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What every route asks of whoever calls it, by the server's own description and {@code docs/tenants.md}. */
@Timeout(120)
class RouteAccessIT {

    /** Each may what those before it may. */
    private static final List<String> ROLES = List.of("inference", "finetune", "admin");

    /** That need no key. */
    private static final Set<String> OPEN = Set.of(
            "/health", "/ready", "/version", "/openapi.json", "/docs", "/docs/{asset}", "/console", "/console/{asset}");

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static List<DescribedRoute> routes;
    /** By role, callers of the tenant that runs the server. */
    private static final Map<String, RunningServer> CALLERS = new HashMap<>();

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory);
        Operator operator = Operator.of(server);
        for (String role : ROLES) {
            CALLERS.put(role, operator.as("default", role));
        }
        routes = DescribedRoute.of(server);
        assertThat(routes).hasSizeGreaterThan(60);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static HttpResponse<String> ask(DescribedRoute route, RunningServer caller) throws Exception {
        return route.to(real(route)).sendAs(caller);
    }

    /** Nothing has this name. */
    private static String real(DescribedRoute route) {
        return route.path().replaceAll("\\{\\w+}", "absent");
    }

    private static JsonNode error(HttpResponse<String> answer) throws Exception {
        JsonNode error = new JsonMapper().readTree(answer.body()).path("error");
        assertThat(error.path("message").asText()).as(answer.body()).isNotEmpty();
        assertThat(error.path("type").asText()).isEqualTo("invalid_request_error");
        assertThat(error.path("param").isNull()).isTrue();
        return error;
    }

    @Test
    void onlyWhatIsOpenAnswersWithoutAKey() throws Exception {
        for (DescribedRoute route : routes) {
            boolean open = OPEN.contains(route.path());
            assertThat(route.isOpen()).as(route.path()).isEqualTo(open);
            for (RunningServer caller : List.of(server, server.as("sk-tandem-wrong"))) {
                HttpResponse<String> answer = ask(route, caller);
                if (open) {
                    assertThat(answer.statusCode()).as(route.path()).isIn(200, 302, 404);
                    continue;
                }
                assertThat(answer.statusCode())
                        .as(route.method() + " " + route.path())
                        .isEqualTo(401);
                assertThat(answer.headers().firstValue("WWW-Authenticate")).contains("Bearer");
                assertThat(error(answer).path("code").asText()).isEqualTo("invalid_api_key");
            }
            if (route.method().equals("get") && !open) {
                assertThat(RawHttp.send(server.port(), "HEAD", real(route)).status())
                        .as("HEAD " + route.path())
                        .isEqualTo(401);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"inference", "finetune", "admin"})
    void aKeyMayWhatItsRoleMay(String role) throws Exception {
        for (DescribedRoute route : routes) {
            HttpResponse<String> answer = ask(route, CALLERS.get(role));
            String needed = role(route);
            String place = route.method() + " " + route.path() + " " + answer.body();
            if (ROLES.indexOf(role) >= ROLES.indexOf(needed)) {
                assertThat(answer.statusCode()).as(place).isNotIn(401, 403).isLessThan(500);
            } else {
                assertThat(answer.statusCode()).as(place).isEqualTo(403);
                assertThat(error(answer).path("code").asText()).isEqualTo("insufficient_permissions");
                assertThat(error(answer).path("message").asText()).contains("the role '" + needed + "'");
            }
        }
    }

    /** As the table of roles puts it, so that a new route has a role before anybody lists it here. */
    private static String role(DescribedRoute route) {
        String path = route.path();
        if (path.startsWith("/v1/organization/") || path.endsWith("/share")) {
            return "admin";
        }
        boolean ofAdapters =
                path.startsWith("/v1/adapters") || path.endsWith("_lora_adapter") || path.equals("/v1/models/{model}");
        boolean looks = route.method().equals("get") && !path.endsWith("/export");
        return path.startsWith("/v1/fine_tuning/") || ofAdapters && !looks ? "finetune" : "inference";
    }

    @ParameterizedTest
    @ValueSource(strings = {"inference", "finetune", "admin"})
    void aRoleInAnotherTenantIncludesThoseBelowIt(String role) throws Exception {
        Operator operator = new Operator(CALLERS.get("admin"));
        String tenant = operator.tenant("of-" + role);
        RunningServer caller = operator.as(tenant, role);
        int rank = ROLES.indexOf(role);
        assertThat(caller.post("/v1/completions", "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":1}")
                        .statusCode())
                .isEqualTo(200);
        HttpResponse<String> job =
                caller.post("/v1/fine_tuning/jobs", "{\"model\":\"tiny\",\"training_file\":\"file-1\"}");
        assertThat(job.statusCode()).isEqualTo(rank >= 1 ? 400 : 403);
        if (rank == 0) {
            assertThat(job.body()).contains("insufficient_permissions", "finetune");
        }
        assertThat(caller.get(Operator.PROJECTS + "/" + tenant + "/api_keys").statusCode())
                .isEqualTo(rank >= 2 ? 200 : 403);
        assertThat(caller.get("/metrics").statusCode()).isEqualTo(403);
    }

    /** Scripts and styles are files of the server, nothing is sent elsewhere, and no other page has this one in a frame. */
    @ParameterizedTest
    @ValueSource(strings = {"/console/", "/console/main.js", "/docs/", "/docs/swagger-ui.css"})
    void pagesHaveNothingFromElsewhere(String path) throws Exception {
        HttpResponse<String> answer = server.get(path);
        assertThat(answer.statusCode()).isEqualTo(200);
        List<String> policies = answer.headers().allValues("Content-Security-Policy");
        assertThat(policies).hasSize(1);
        Map<String, String> policy = Arrays.stream(policies.get(0).split(";"))
                .map(directive -> directive.strip().split(" ", 2))
                .collect(Collectors.toMap(directive -> directive[0], directive -> directive[1]));
        assertThat(policy)
                .isEqualTo(Map.of(
                        "default-src", "'none'",
                        "script-src", "'self'",
                        "style-src", "'self'",
                        "img-src", "'self' data:",
                        "connect-src", "'self'",
                        "base-uri", "'none'",
                        "form-action", "'none'",
                        "frame-ancestors", "'none'"));
        assertThat(answer.headers().firstValue("X-Content-Type-Options")).contains("nosniff");
    }
}
