package io.tandem.loadtest.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class ExamplesTest {
    @Test
    void aNewRouteNeedsAnExampleAndAnOldOneLosesIt() {
        List<Route> routes = Route.parse("Tandem\n\nGET /health\nPOST /v1/new\n");
        assertThat(Examples.load().differences(routes))
                .contains("POST /v1/new", "GET /ready")
                .doesNotContain("GET /health");
    }
}
