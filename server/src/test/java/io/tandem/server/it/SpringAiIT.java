package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.ai.chat.client.AdvisorParams;
import org.springframework.ai.chat.client.ChatClient;
import org.springframework.ai.chat.messages.UserMessage;
import org.springframework.ai.chat.model.ChatResponse;
import org.springframework.ai.chat.prompt.Prompt;
import org.springframework.ai.document.MetadataMode;
import org.springframework.ai.model.tool.ToolCallingManager;
import org.springframework.ai.model.tool.ToolExecutionResult;
import org.springframework.ai.openai.OpenAiChatModel;
import org.springframework.ai.openai.OpenAiChatOptions;
import org.springframework.ai.openai.OpenAiEmbeddingModel;
import org.springframework.ai.openai.OpenAiEmbeddingOptions;
import org.springframework.ai.openai.api.OpenAiApi;
import org.springframework.ai.retry.NonTransientAiException;
import org.springframework.ai.support.ToolCallbacks;
import org.springframework.ai.tool.annotation.Tool;
import org.springframework.ai.tool.annotation.ToolParam;

/** Spring AI's models for OpenAI against the whole server; only the base URL and the model are ours. */
@Timeout(120)
class SpringAiIT {
    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static OpenAiApi api;
    private static OpenAiChatModel model;
    private static ChatClient client;

    @BeforeAll
    static void start() throws Exception {
        server = SampleServer.start(directory);
        api = OpenAiApi.builder().baseUrl(server.url()).apiKey("none").build();
        model = OpenAiChatModel.builder()
                .openAiApi(api)
                .defaultOptions(OpenAiChatOptions.builder()
                        .model(SampleServer.MODEL)
                        .temperature(0.0)
                        .build())
                .build();
        client = ChatClient.create(model);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void streamsWhatItAnswersWhole() {
        ChatResponse whole = client.prompt().user(SampleServer.QUESTION).call().chatResponse();
        assertThat(whole.getResult().getOutput().getText()).isEqualTo("cold");
        assertThat(whole.getResult().getMetadata().getFinishReason()).isEqualTo("STOP");
        List<ChatResponse> parts = client
                .prompt()
                .user(SampleServer.QUESTION)
                .options(OpenAiChatOptions.builder().streamUsage(true).build())
                .stream()
                .chatResponse()
                .collectList()
                .block();
        StringBuilder text = new StringBuilder();
        parts.forEach(part -> {
            if (part.getResult() != null && part.getResult().getOutput().getText() != null) {
                text.append(part.getResult().getOutput().getText());
            }
        });
        assertThat(text.toString()).isEqualTo("cold");
        assertThat(parts.get(parts.size() - 1).getMetadata().getUsage().getTotalTokens())
                .isEqualTo(whole.getMetadata().getUsage().getTotalTokens())
                .isPositive();
    }

    enum City {
        PRAGUE,
        BRNO
    }

    static final class Weather {
        @Tool(description = "The weather", returnDirect = true)
        String weather(@ToolParam(description = "Where") City city) {
            return "20 degrees in " + city;
        }
    }

    /** The sample model was not trained with tools, so it has to be made to call one. */
    private static OpenAiChatOptions required() {
        return OpenAiChatOptions.builder()
                .toolChoice("required")
                .parallelToolCalls(false)
                .build();
    }

    @Test
    void runsATool() {
        assertThat(client.prompt("How is the weather?")
                        .options(required())
                        .tools(new Weather())
                        .call()
                        .content())
                .matches("\"?20 degrees in (PRAGUE|BRNO)\"?");
    }

    @Test
    void runsAToolOfAStream() {
        assertThat(client.prompt("How is the weather?").options(required()).tools(new Weather()).stream()
                        .content()
                        .collectList()
                        .block())
                .last()
                .asString()
                .matches("\"?20 degrees in (PRAGUE|BRNO)\"?");
    }

    @Test
    void theResultOfAToolIsReadByTheModel() {
        OpenAiChatOptions options = required();
        options.setToolCallbacks(List.of(ToolCallbacks.from(new Weather())));
        options.setInternalToolExecutionEnabled(false);
        Prompt question = new Prompt(new UserMessage("How is the weather?"), options);
        ChatResponse called = model.call(question);
        assertThat(called.hasToolCalls()).isTrue();
        ToolExecutionResult result = ToolCallingManager.builder().build().executeToolCalls(question, called);
        options.setToolChoice("none");
        options.setMaxCompletionTokens(8);
        ChatResponse answer = model.call(new Prompt(result.conversationHistory(), options));
        assertThat(answer.hasToolCalls()).isFalse();
        assertThat(answer.getMetadata().getUsage().getPromptTokens())
                .isGreaterThan(called.getMetadata().getUsage().getPromptTokens());
    }

    enum Word {
        COLD,
        WARM
    }

    record Opposite(Word word, boolean sure) {}

    @Test
    void answersInTheFormOfAClass() {
        Opposite opposite = client.prompt(SampleServer.QUESTION)
                .advisors(AdvisorParams.ENABLE_NATIVE_STRUCTURED_OUTPUT)
                .call()
                .entity(Opposite.class);
        assertThat(opposite.word()).isNotNull();
    }

    @Test
    void embeds() {
        OpenAiEmbeddingModel embeddings = new OpenAiEmbeddingModel(
                api,
                MetadataMode.EMBED,
                OpenAiEmbeddingOptions.builder().model(SampleServer.MODEL).build());
        List<float[]> both = embeddings.embed(List.of("hot", "cold"));
        assertThat(both).hasSize(2);
        assertThat(both.get(0)).containsExactly(embeddings.embed("hot"), within(1e-4f));
        assertThat(embeddings.dimensions()).isEqualTo(256);
    }

    @Test
    void anAdapterAnswersByItsName() {
        ChatResponse answer = client.prompt(SampleServer.QUESTION)
                .options(OpenAiChatOptions.builder()
                        .model(SampleServer.ADAPTER)
                        .maxCompletionTokens(8)
                        .build())
                .call()
                .chatResponse();
        assertThat(answer.getMetadata().getModel()).isEqualTo(SampleServer.ADAPTER);
        assertThat(answer.getResult().getOutput().getText()).isNotEqualTo("cold");
    }

    @Test
    void whatIsWrongIsNamed() {
        assertThatThrownBy(() -> client.prompt("Hello")
                        .options(OpenAiChatOptions.builder().model("nobody").build())
                        .call()
                        .content())
                .isInstanceOf(NonTransientAiException.class)
                .hasMessageContaining("404")
                .hasMessageContaining("nobody");
        assertThatThrownBy(() -> client.prompt("Hello")
                        .options(OpenAiChatOptions.builder().temperature(9.0).build())
                        .call()
                        .content())
                .isInstanceOf(NonTransientAiException.class)
                .hasMessageContaining("400")
                .hasMessageContaining("temperature");
    }

    @Test
    void aCancelledStreamEnds() throws Exception {
        OpenAiChatOptions endless = OpenAiChatOptions.builder()
                .logitBias(Map.of(String.valueOf(SampleServer.END), -100))
                .build();
        String first = client.prompt(SampleServer.QUESTION).options(endless).stream()
                .content()
                .blockFirst();
        assertThat(first).isNotEmpty();
        SampleServer.awaitIdle(server);
    }
}
