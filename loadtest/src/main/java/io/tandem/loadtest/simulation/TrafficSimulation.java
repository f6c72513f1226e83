package io.tandem.loadtest.simulation;

import static io.gatling.javaapi.core.CoreDsl.details;
import static io.gatling.javaapi.core.CoreDsl.scenario;

import io.gatling.core.action.Action;
import io.gatling.core.structure.ScenarioContext;
import io.gatling.javaapi.core.ActionBuilder;
import io.gatling.javaapi.core.Simulation;
import io.tandem.loadtest.ApiClient;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Sends the requests of a {@link Run}, whose directory the system property {@link #DIRECTORY} names. */
public final class TrafficSimulation extends Simulation {
    static final String DIRECTORY = "tandem.run";
    private static final double ERRORS_MAX_PERCENT = 1;
    private static final double PERCENT = 100;
    private static final Duration AFTER_ARRIVALS = Duration.ofMinutes(2);

    private final ExecutorService senders = Executors.newCachedThreadPool();
    private final RequestLog log;

    public TrafficSimulation() throws IOException {
        Path directory = Path.of(System.getProperty(DIRECTORY, "."));
        Run run = Run.read(directory);
        log = new RequestLog(directory);
        Traffic traffic = new Traffic(run, run.requests(), new ApiClient(run.url()), log);
        Profile profile = run.profile();
        ActionBuilder streaming = () -> new StreamActionBuilder(traffic, senders);
        setUp(scenario(profile.toString())
                        .exec(streaming)
                        .injectOpen(profile.arrivals().steps(run.rate(), run.seconds())))
                .maxDuration(Duration.ofMillis((long) (1000 * run.seconds())).plus(AFTER_ARRIVALS))
                .assertions(
                        details(StreamAction.ANSWER).failedRequests().percent().lte(ERRORS_MAX_PERCENT),
                        details(StreamAction.INSIDE_SLO)
                                .successfulRequests()
                                .percent()
                                .gte(PERCENT * profile.goal()));
    }

    @Override
    public void after() {
        senders.shutdownNow();
        log.close();
    }

    private record StreamActionBuilder(Traffic traffic, ExecutorService senders)
            implements io.gatling.core.action.builder.ActionBuilder {
        @Override
        public Action build(ScenarioContext context, Action next) {
            return new StreamAction(traffic, senders, context.coreComponents().statsEngine(), next);
        }
    }
}
