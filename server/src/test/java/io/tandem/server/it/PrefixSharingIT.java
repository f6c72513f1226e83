package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Prompts that begin alike are computed once, by requests with the same adapters. */
@Timeout(60)
class PrefixSharingIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final String PROMPT = "to be or not to be, that is the question. ".repeat(5);

    @TempDir
    private Path directory;

    private RunningServer server;
    private AdapterClient adapters;

    @BeforeEach
    void start() throws Exception {
        server = RunningServer.start(directory);
        adapters = new AdapterClient(server, directory);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private double prefilled() throws Exception {
        return adapters.metric("tandem_tokens_total{phase=\"prefill\"}");
    }

    private double copied() throws Exception {
        return adapters.metric("tandem_kv_copied_total");
    }

    private JsonNode ask(String model, String fields) throws IOException, InterruptedException {
        return server.json(server.post(
                "/v1/completions",
                "{\"model\":\"" + model + "\",\"prompt\":\"" + PROMPT
                        + "\",\"max_tokens\":30,\"temperature\":0,\"ignore_eos\":true" + fields + "}"));
    }

    @Test
    void choicesShareThePrompt() throws Exception {
        JsonNode answer = ask(RunningServer.MODEL, ",\"n\":4");
        int prompt = answer.at("/usage/prompt_tokens").intValue();
        assertThat(prompt).isGreaterThan(64);
        assertThat(answer.at("/usage/prompt_tokens_details/cached_tokens").intValue())
                .as("of the first choice")
                .isZero();
        // Of each copy, what is less than 32 tokens beyond a chunk runs again.
        assertThat(prefilled()).isBetween((double) prompt, prompt + 3 * 32.0);
        assertThat(prefilled() + copied()).isEqualTo(4 * prompt);
        for (JsonNode choice : answer.path("choices")) {
            assertThat(choice.path("text")).isEqualTo(answer.at("/choices/0/text"));
        }
    }

    private static JsonNode chat(RunningServer server, String question) {
        String body = "{\"model\":\"" + RunningServer.MODEL
                + "\",\"messages\":[{\"role\":\"system\",\"content\":\"" + PROMPT
                + "\"},{\"role\":\"user\",\"content\":\"" + question
                + "\"}],\"max_tokens\":40,\"temperature\":0,\"ignore_eos\":true}";
        try {
            return server.json(server.post("/v1/chat/completions", body));
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static String text(JsonNode answer) {
        return answer.at("/choices/0/message/content").textValue();
    }

    @Test
    void concurrentRequestsComputeTheirSystemPromptOnce(@TempDir Path other) throws Exception {
        List<String> questions = List.of("who is it?", "and why?");
        List<CompletableFuture<JsonNode>> asked = questions.stream()
                .map(question -> CompletableFuture.supplyAsync(() -> chat(server, question)))
                .toList();
        int prompts = 0;
        for (int i = 0; i < questions.size(); i++) {
            JsonNode answer = asked.get(i).get();
            prompts += answer.at("/usage/prompt_tokens").intValue();
            try (RunningServer alone = RunningServer.start(other.resolve("alone" + i))) {
                assertThat(text(answer)).isEqualTo(text(chat(alone, questions.get(i))));
            }
        }
        int common = server.json(server.post(
                        "/tokenize", "{\"model\":\"" + RunningServer.MODEL + "\",\"prompt\":\"" + PROMPT + "\"}"))
                .path("count")
                .intValue();
        assertThat(common).isGreaterThan(64);
        assertThat(prefilled()).isLessThan(prompts - common + 32);
    }

    @Test
    void requestsOfDifferentAdaptersShareNothing() throws Exception {
        for (int i = 0; i < 2; i++) {
            PeftFormat.write(
                    directory.resolve("import/a" + i),
                    TinyAdapters.mixedRanks(MODEL.config(), LoraConfig.allLinears(), 8, i),
                    MODEL.config());
            server.post("/v1/load_lora_adapter", "{\"lora_name\":\"a" + i + "\",\"lora_path\":\"a" + i + "\"}");
        }
        CompletableFuture<JsonNode> other = CompletableFuture.supplyAsync(() -> {
            try {
                return ask("a0", "");
            } catch (IOException | InterruptedException e) {
                throw new AssertionError(e);
            }
        });
        JsonNode base = ask(RunningServer.MODEL, "");
        JsonNode last = ask("a1", "");
        assertThat(copied()).isZero();
        for (JsonNode answer : new JsonNode[] {other.get(), base, last}) {
            assertThat(answer.at("/usage/prompt_tokens_details/cached_tokens").intValue())
                    .isZero();
        }
        JsonNode again = ask("a1", "");
        assertThat(again.at("/usage/prompt_tokens_details/cached_tokens").intValue())
                .isEqualTo(again.at("/usage/prompt_tokens").intValue() - 1);
        assertThat(again.at("/choices/0/text")).isEqualTo(last.at("/choices/0/text"));
    }
}
