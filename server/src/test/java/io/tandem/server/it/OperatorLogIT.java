package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** The log tells an operator what the server does, and nothing of what its clients say. */
@Timeout(120)
class OperatorLogIT {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final String SECRET = "nobodys-business";
    private static final Logger ROOM = (Logger) LoggerFactory.getLogger("io.tandem");

    @TempDir
    private Path directory;

    private final List<ILoggingEvent> events = new CopyOnWriteArrayList<>();
    private final AppenderBase<ILoggingEvent> appender = new AppenderBase<>() {
        @Override
        protected void append(ILoggingEvent event) {
            events.add(event);
        }
    };

    @BeforeEach
    void listen() {
        ROOM.setLevel(Level.DEBUG);
        appender.setContext(ROOM.getLoggerContext());
        appender.start();
        ROOM.addAppender(appender);
    }

    @AfterEach
    void stopListening() {
        ROOM.detachAppender(appender);
        ROOM.setLevel(null);
    }

    private List<String> lines(Level level) {
        return events.stream()
                .filter(event -> event.getLevel().equals(level))
                .map(ILoggingEvent::getFormattedMessage)
                .toList();
    }

    private static JsonNode job(RunningServer server, String content, String hyperparameters) throws Exception {
        String file = server.upload("train.jsonl", content);
        JsonNode job = server.json(server.post(
                JOBS,
                "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"hyperparameters\":{" + hyperparameters
                        + "}}"));
        while (job.path("finished_at").isNull()) {
            Thread.sleep(20);
            job = server.json(server.get(JOBS + "/" + job.path("id").asText()));
        }
        return job;
    }

    @Test
    void startJobsAdaptersAndRefusalsAreLogged() throws Exception {
        String url;
        try (RunningServer server = RunningServer.start(directory)) {
            url = server.url();
            String id = job(server, TrainingFiles.chats(4), "\"n_epochs\":1")
                    .path("id")
                    .asText();
            assertThat(lines(Level.INFO))
                    .contains(id + ": Created fine-tuning job: " + id, id + ": The job trains.")
                    .anyMatch(line -> line.startsWith(id + ": The job has succeeded"))
                    .anyMatch(line -> line.startsWith("adapter ft:tiny:adapter:") && line.contains("trained by " + id));
            assertThat(lines(Level.DEBUG)).anyMatch(line -> line.startsWith(id + ": Step 1/"));
            String failed = job(server, "{\"" + SECRET + "\":1}\n" + SECRET, "")
                    .path("id")
                    .asText();
            assertThat(lines(Level.ERROR))
                    .contains(failed + ": 'training_file' has 2 wrong lines; the job's events say which");
            AdapterClient adapters = new AdapterClient(server, directory);
            TinyModel model = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
            adapters.create("mine", TinyAdapters.random(model.config(), LoraConfig.allLinears(), 2, 1));
            adapters.act("mine", "pin", "{\"pinned\":true}");
            adapters.act("mine", "labels", "{\"labels\":{\"a\":\"" + SECRET + "\"}}");
            server.delete("/v1/adapters/mine");
            assertThat(lines(Level.INFO))
                    .anyMatch(line -> line.matches("adapter mine: 1 versions, current is [0-9a-f]{12}, read from mine"))
                    .anyMatch(line -> line.matches("adapter mine: .*, read from mine, pinned"))
                    .contains("adapter mine is deleted");
            RawHttp.post(
                    server.port(),
                    "/v1/completions?key=" + SECRET,
                    "{\"model\":\"nobody\",\"prompt\":\"" + SECRET + "\"}",
                    "X-Request-Id: my-id",
                    "Authorization: Bearer " + SECRET);
            assertThat(lines(Level.DEBUG)).contains("404 POST /v1/completions model_not_found request my-id");
        }
        assertThat(lines(Level.INFO))
                .contains("listening on " + url)
                .anyMatch(line -> line.startsWith("model 'tiny' from ") && line.contains("million parameters"))
                .anyMatch(line -> line.startsWith("memory: weights "))
                .anyMatch(line -> line.startsWith("data directory "));
        assertThat(events).extracting(ILoggingEvent::getFormattedMessage).noneMatch(line -> line.contains(SECRET));
    }
}
