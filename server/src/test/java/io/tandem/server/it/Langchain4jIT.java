package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.langchain4j.agent.tool.P;
import dev.langchain4j.agent.tool.ReturnBehavior;
import dev.langchain4j.agent.tool.Tool;
import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecifications;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.ModelNotFoundException;
import dev.langchain4j.memory.chat.MessageWindowChatMemory;
import dev.langchain4j.model.catalog.ModelDescription;
import dev.langchain4j.model.chat.Capability;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiChatRequestParameters;
import dev.langchain4j.model.openai.OpenAiEmbeddingModel;
import dev.langchain4j.model.openai.OpenAiLanguageModel;
import dev.langchain4j.model.openai.OpenAiModelCatalog;
import dev.langchain4j.model.openai.OpenAiResponsesChatModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.Result;
import dev.langchain4j.service.TokenStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** LangChain4j's models for OpenAI against the whole server; only the base URL and the model are ours. */
@Timeout(120)
class Langchain4jIT {
    @TempDir
    private static Path directory;

    private static RunningServer server;

    @BeforeAll
    static void start() throws Exception {
        server = SampleServer.start(directory);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static OpenAiChatModel.OpenAiChatModelBuilder chat() {
        return OpenAiChatModel.builder()
                .baseUrl(server.url() + "/v1")
                .apiKey("none")
                .modelName(SampleServer.MODEL)
                .temperature(0.0)
                .maxRetries(0);
    }

    private static OpenAiStreamingChatModel.OpenAiStreamingChatModelBuilder streamingChat() {
        return OpenAiStreamingChatModel.builder()
                .baseUrl(server.url() + "/v1")
                .apiKey("none")
                .modelName(SampleServer.MODEL)
                .temperature(0.0);
    }

    @Test
    void streamsWhatItAnswersWhole() {
        ChatResponse whole = chat().build().chat(UserMessage.from(SampleServer.QUESTION));
        StringBuilder parts = new StringBuilder();
        CompletableFuture<ChatResponse> ended = new CompletableFuture<>();
        streamingChat().build().chat(SampleServer.QUESTION, new StreamingChatResponseHandler() {
            @Override
            public void onPartialResponse(String part) {
                parts.append(part);
            }

            @Override
            public void onCompleteResponse(ChatResponse response) {
                ended.complete(response);
            }

            @Override
            public void onError(Throwable error) {
                ended.completeExceptionally(error);
            }
        });
        ChatResponse streamed = ended.join();
        assertThat(whole.aiMessage().text()).isNotEmpty();
        assertThat(whole.finishReason()).isEqualTo(FinishReason.STOP);
        assertThat(parts.toString())
                .isEqualTo(whole.aiMessage().text())
                .isEqualTo(streamed.aiMessage().text());
        assertThat(streamed.finishReason()).isEqualTo(whole.finishReason());
        assertThat(streamed.tokenUsage().inputTokenCount())
                .isEqualTo(whole.tokenUsage().inputTokenCount());
        assertThat(streamed.tokenUsage().outputTokenCount())
                .isEqualTo(whole.tokenUsage().outputTokenCount());
    }

    @Test
    void completes() {
        OpenAiLanguageModel model = OpenAiLanguageModel.builder()
                .baseUrl(server.url() + "/v1")
                .apiKey("none")
                .modelName(SampleServer.MODEL)
                .build();
        assertThat(model.generate("<|user|>" + SampleServer.QUESTION + "<|end|><|assistant|>")
                        .tokenUsage()
                        .outputTokenCount())
                .isPositive();
    }

    @Test
    void whatIsWrongIsNamed() {
        ChatModel missing = chat().modelName("nobody").build();
        assertThatThrownBy(() -> missing.chat(SampleServer.QUESTION))
                .isInstanceOf(ModelNotFoundException.class)
                .hasMessageContaining("nobody");
        ChatModel hot = chat().temperature(9.0).build();
        assertThatThrownBy(() -> hot.chat(SampleServer.QUESTION))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("temperature");
        UserMessage image =
                UserMessage.from(TextContent.from("What is it?"), ImageContent.from("https://example.org/cat.png"));
        assertThatThrownBy(() -> chat().build().chat(image))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("messages[0].content");
    }

    @Test
    void anAdapterAnswersByItsName() {
        ChatResponse answer = chat().modelName(SampleServer.ADAPTER)
                .maxTokens(8)
                .build()
                .chat(UserMessage.from(SampleServer.QUESTION));
        assertThat(answer.modelName()).isEqualTo(SampleServer.ADAPTER);
        assertThat(answer.aiMessage().text()).isNotEqualTo("cold");
    }

    @Test
    void listsModels() {
        OpenAiModelCatalog catalog = OpenAiModelCatalog.builder()
                .baseUrl(server.url() + "/v1")
                .apiKey("none")
                .build();
        assertThat(catalog.listModels())
                .extracting(ModelDescription::name)
                .contains(SampleServer.MODEL, SampleServer.ADAPTER);
    }

    @Test
    void aCancelledStreamEnds() throws Exception {
        CompletableFuture<String> first = new CompletableFuture<>();
        streamingChat()
                .logitBias(Map.of(String.valueOf(SampleServer.END), -100))
                .build()
                .chat(SampleServer.QUESTION, new StreamingChatResponseHandler() {
                    @Override
                    public void onPartialResponse(PartialResponse part, PartialResponseContext context) {
                        context.streamingHandle().cancel();
                        first.complete(part.text());
                    }

                    @Override
                    public void onCompleteResponse(ChatResponse response) {
                        first.completeExceptionally(new AssertionError("it was not cancelled"));
                    }

                    @Override
                    public void onError(Throwable error) {
                        first.completeExceptionally(error);
                    }
                });
        assertThat(first.join()).isNotEmpty();
        SampleServer.awaitIdle(server);
    }

    @Test
    void respondsByTheResponsesApi() {
        OpenAiResponsesChatModel model = OpenAiResponsesChatModel.builder()
                .baseUrl(server.url() + "/v1")
                .apiKey("none")
                .modelName(SampleServer.MODEL)
                .temperature(0.0)
                .maxOutputTokens(100)
                .strictJsonSchema(true)
                .build();
        assertThat(model.chat(SampleServer.QUESTION)).isEqualTo("cold");
        assertThat(AiServices.create(Judge.class, model)
                        .judge(SampleServer.QUESTION)
                        .word())
                .isNotNull();
        ChatResponse called = model.chat(ChatRequest.builder()
                .messages(UserMessage.from("How is the weather?"))
                .toolSpecifications(ToolSpecifications.toolSpecificationsFrom(Weather.class))
                .toolChoice(ToolChoice.REQUIRED)
                .build());
        assertThat(called.aiMessage().toolExecutionRequests().get(0).name()).isEqualTo("weather");
    }

    enum City {
        PRAGUE,
        BRNO
    }

    static final class Weather {
        @Tool(value = "The weather", returnBehavior = ReturnBehavior.IMMEDIATE)
        String weather(@P("Where") City city) {
            return "20 degrees in " + city;
        }
    }

    interface Forecaster {
        Result<String> ask(String question);
    }

    interface StreamingForecaster {
        TokenStream ask(String question);
    }

    /** The sample model was not trained with tools, so it has to be made to call one. */
    private static OpenAiChatRequestParameters required() {
        return OpenAiChatRequestParameters.builder()
                .toolChoice(ToolChoice.REQUIRED)
                .parallelToolCalls(false)
                .build();
    }

    @Test
    void aServiceRunsItsTool() {
        Forecaster forecaster = AiServices.builder(Forecaster.class)
                .chatModel(chat().defaultRequestParameters(required()).build())
                .tools(new Weather())
                .build();
        Result<String> answer = forecaster.ask("How is the weather?");
        assertThat(answer.toolExecutions()).hasSize(1);
        assertThat(answer.toolExecutions().get(0).result()).matches("\"?20 degrees in (PRAGUE|BRNO)\"?");
    }

    static final class Thermometer {
        @Tool("The temperature")
        String temperature(@P("Where") City city) {
            return "20 degrees";
        }
    }

    @Test
    void aServiceAnswersWithTheResultOfItsTool() {
        Forecaster forecaster = AiServices.builder(Forecaster.class)
                .chatModel(chat().maxTokens(80).build())
                .tools(new Thermometer())
                .chatRequestTransformer(request -> request.toBuilder()
                        .toolChoice(request.messages().size() == 1 ? ToolChoice.REQUIRED : ToolChoice.NONE)
                        .build())
                .build();
        Result<String> answer = forecaster.ask("How warm is it?");
        assertThat(answer.toolExecutions())
                .isNotEmpty()
                .allMatch(one -> one.result().equals("20 degrees"));
        assertThat(answer.finalResponse().aiMessage().text()).isNotEmpty();
    }

    @Test
    void aStreamingServiceRunsItsTool() {
        StreamingForecaster forecaster = AiServices.builder(StreamingForecaster.class)
                .streamingChatModel(
                        streamingChat().defaultRequestParameters(required()).build())
                .chatMemory(MessageWindowChatMemory.withMaxMessages(10))
                .tools(new Weather())
                .build();
        CompletableFuture<String> executed = new CompletableFuture<>();
        CompletableFuture<ChatResponse> ended = new CompletableFuture<>();
        forecaster
                .ask("How is the weather?")
                .onPartialResponse(part -> {})
                .onToolExecuted(execution -> executed.complete(execution.result()))
                .onCompleteResponse(ended::complete)
                .onError(ended::completeExceptionally)
                .start();
        assertThat(ended.join().finishReason()).isEqualTo(FinishReason.TOOL_EXECUTION);
        assertThat(executed.join()).matches("\"?20 degrees in (PRAGUE|BRNO)\"?");
    }

    @Test
    void theResultOfAToolIsReadByTheModel() {
        ChatModel model = chat().build();
        UserMessage question = UserMessage.from("How is the weather?");
        ChatRequest.Builder request =
                ChatRequest.builder().toolSpecifications(ToolSpecifications.toolSpecificationsFrom(Weather.class));
        AiMessage call = model.chat(request.messages(question)
                        .toolChoice(ToolChoice.REQUIRED)
                        .build())
                .aiMessage();
        ToolExecutionRequest execution = call.toolExecutionRequests().get(0);
        assertThat(execution.name()).isEqualTo("weather");
        List<ChatMessage> messages = List.of(question, call, ToolExecutionResultMessage.from(execution, "20 degrees"));
        ChatResponse answer = model.chat(request.messages(messages)
                .toolChoice(ToolChoice.NONE)
                .maxOutputTokens(8)
                .build());
        assertThat(answer.aiMessage().hasToolExecutionRequests()).isFalse();
        assertThat(answer.tokenUsage().outputTokenCount()).isBetween(1, 8);
    }

    enum Word {
        COLD,
        WARM
    }

    record Verdict(Word word, boolean sure) {}

    interface Judge {
        Verdict judge(String question);
    }

    @Test
    void answersInTheFormOfAClass() {
        Judge judge = AiServices.create(
                Judge.class,
                chat().supportedCapabilities(Set.of(Capability.RESPONSE_FORMAT_JSON_SCHEMA))
                        .strictJsonSchema(true)
                        .maxTokens(100)
                        .build());
        assertThat(judge.judge(SampleServer.QUESTION).word()).isNotNull();
    }

    @Test
    void embeds() {
        EmbeddingModel model = OpenAiEmbeddingModel.builder()
                .baseUrl(server.url() + "/v1")
                .apiKey("none")
                .modelName(SampleServer.MODEL)
                .build();
        var embeddings = model.embedAll(List.of(TextSegment.from("hot"), TextSegment.from("cold")));
        assertThat(embeddings.content()).hasSize(2);
        assertThat(embeddings.content().get(0).vector())
                .containsExactly(model.embed("hot").content().vector(), within(1e-4f));
        assertThat(embeddings.tokenUsage().inputTokenCount()).isPositive();
    }
}
