package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonTypeName;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.helpers.ResponseAccumulator;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionContentPart;
import com.openai.models.chat.completions.ChatCompletionContentPartImage;
import com.openai.models.chat.completions.ChatCompletionContentPartText;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionMessage;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.chat.completions.ChatCompletionToolChoiceOption;
import com.openai.models.chat.completions.ChatCompletionToolMessageParam;
import com.openai.models.completions.Completion;
import com.openai.models.completions.CompletionCreateParams;
import com.openai.models.embeddings.CreateEmbeddingResponse;
import com.openai.models.embeddings.EmbeddingCreateParams;
import com.openai.models.models.Model;
import com.openai.models.responses.FunctionTool;
import com.openai.models.responses.Response;
import com.openai.models.responses.ResponseCreateParams;
import com.openai.models.responses.ResponseFunctionToolCall;
import com.openai.models.responses.ResponseInputItem;
import com.openai.models.responses.ResponseStatus;
import com.openai.models.responses.ResponseStreamEvent;
import com.openai.models.responses.ToolChoiceOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** OpenAI's own client asks for answers; {@link OpenAiJobsIT} trains with it. */
@Timeout(120)
class OpenAiClientIT {
    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static OpenAIClient client;

    @BeforeAll
    static void start() throws Exception {
        server = SampleServer.start(directory);
        client = OpenAIOkHttpClient.builder()
                .baseUrl(server.url() + "/v1")
                .apiKey("none")
                .maxRetries(0)
                .build();
    }

    @AfterAll
    static void stop() {
        client.close();
        server.close();
    }

    private static ChatCompletionCreateParams.Builder chat(String model) {
        return ChatCompletionCreateParams.builder()
                .model(model)
                .temperature(0.0)
                .maxCompletionTokens(100);
    }

    private static ChatCompletionCreateParams.Builder question() {
        return chat(SampleServer.MODEL).addUserMessage(SampleServer.QUESTION);
    }

    private static ChatCompletion answer(ChatCompletionCreateParams params) {
        ChatCompletion answer = client.chat().completions().create(params);
        answer.validate();
        return answer;
    }

    private static ChatCompletion streamed(ChatCompletionCreateParams params) {
        ChatCompletionAccumulator accumulator = ChatCompletionAccumulator.create();
        try (StreamResponse<ChatCompletionChunk> stream =
                client.chat().completions().createStreaming(params)) {
            stream.stream().forEach(chunk -> {
                chunk.validate();
                accumulator.accumulate(chunk);
            });
        }
        return accumulator.chatCompletion();
    }

    private static String text(ChatCompletion answer) {
        return answer.choices().get(0).message().content().orElseThrow();
    }

    @Test
    void streamsWhatItAnswersWhole() {
        ChatCompletion whole = answer(question().build());
        ChatCompletion streamed = streamed(question()
                .streamOptions(
                        ChatCompletionStreamOptions.builder().includeUsage(true).build())
                .build());
        assertThat(text(whole)).isEqualTo("cold");
        assertThat(text(streamed)).isEqualTo("cold");
        assertThat(streamed.usage().orElseThrow().totalTokens())
                .isEqualTo(whole.usage().orElseThrow().totalTokens());
    }

    @Test
    void completes() {
        Completion completion = client.completions()
                .create(CompletionCreateParams.builder()
                        .model(SampleServer.MODEL)
                        .prompt("Once")
                        .echo(true)
                        .maxTokens(7)
                        .build());
        completion.validate();
        assertThat(completion.choices().get(0).text()).startsWith("Once");
    }

    @Test
    void severalChoicesComeWithLogprobs() {
        ChatCompletion both =
                answer(question().n(2).logprobs(true).topLogprobs(2).build());
        assertThat(both.choices()).hasSize(2).allSatisfy(choice -> {
            assertThat(choice.message().content()).contains("cold");
            var token = choice.logprobs().orElseThrow().content().orElseThrow().get(0);
            assertThat("cold").startsWith(token.token());
            assertThat(token.topLogprobs()).hasSize(2);
        });
    }

    /** Programs written for OpenAI's models send them, and expect an answer. */
    @Test
    void takesFieldsThatMeanNothingHere() {
        ChatCompletion answer = answer(chat(SampleServer.MODEL)
                .addDeveloperMessage("Be kind.")
                .addUserMessage(SampleServer.QUESTION)
                .store(false)
                .serviceTier(ChatCompletionCreateParams.ServiceTier.AUTO)
                .promptCacheKey("key")
                .safetyIdentifier("somebody")
                .putAdditionalBodyProperty("tools", JsonValue.from(List.of()))
                .build());
        assertThat(text(answer)).isNotEmpty();
    }

    @JsonTypeName("get_weather")
    @JsonClassDescription("The weather")
    public static class GetWeather {
        public Unit unit;
    }

    public enum Unit {
        CELSIUS,
        FAHRENHEIT
    }

    @Test
    void callsAToolAndReadsItsResult() {
        ChatCompletionCreateParams params = chat(SampleServer.MODEL)
                .addUserMessage("Weather?")
                .addTool(GetWeather.class)
                .toolChoice(ChatCompletionToolChoiceOption.Auto.REQUIRED)
                .parallelToolCalls(false)
                .build();
        ChatCompletion without =
                answer(chat(SampleServer.MODEL).addUserMessage("Weather?").build());
        for (ChatCompletion answer : List.of(answer(params), streamed(params))) {
            ChatCompletion.Choice choice = answer.choices().get(0);
            assertThat(choice.finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.TOOL_CALLS);
            var call = choice.message().toolCalls().orElseThrow().get(0).asFunction();
            assertThat(call.function().arguments(GetWeather.class).unit).isNotNull();
            ChatCompletion next = answer(chat(SampleServer.MODEL)
                    .addUserMessage("Weather?")
                    .addMessage(choice.message())
                    .addMessage(ChatCompletionToolMessageParam.builder()
                            .toolCallId(call.id())
                            .contentOfArrayOfContentParts(List.of(ChatCompletionContentPartText.builder()
                                    .text("12 degrees")
                                    .build()))
                            .build())
                    .addTool(GetWeather.class)
                    .toolChoice(ChatCompletionToolChoiceOption.Auto.NONE)
                    .maxCompletionTokens(3)
                    .build());
            ChatCompletionMessage message = next.choices().get(0).message();
            assertThat(message.toolCalls()).isEmpty();
            assertThat(next.usage().orElseThrow().promptTokens())
                    .isGreaterThan(without.usage().orElseThrow().promptTokens());
        }
    }

    @Test
    void answersInTheFormOfAClass() {
        Verdict verdict = client.chat()
                .completions()
                .create(question().responseFormat(Verdict.class).build())
                .choices()
                .get(0)
                .message()
                .content()
                .orElseThrow();
        assertThat(verdict.colour).isNotNull();
    }

    @Test
    void embeds() {
        EmbeddingCreateParams.Builder request = EmbeddingCreateParams.builder().model(SampleServer.MODEL);
        CreateEmbeddingResponse both = client.embeddings()
                .create(request.inputOfArrayOfStrings(List.of("hot", "cold")).build());
        CreateEmbeddingResponse one =
                client.embeddings().create(request.input("hot").build());
        both.validate();
        assertThat(both.data()).hasSize(2);
        List<Float> first = both.data().get(0).embedding();
        assertThat(first).hasSize(256);
        for (int i = 0; i < first.size(); i++) {
            assertThat(first.get(i)).isCloseTo(one.data().get(0).embedding().get(i), within(1e-4f));
        }
    }

    @Test
    void listsModelsOfWhichAnyAnswers() {
        assertThat(client.models().list().data())
                .extracting(Model::id)
                .containsExactlyInAnyOrder(SampleServer.MODEL, SampleServer.ADAPTER);
        ChatCompletion other = answer(
                chat(SampleServer.ADAPTER).addUserMessage(SampleServer.QUESTION).build());
        assertThat(other.model()).isEqualTo(SampleServer.ADAPTER);
        assertThat(text(other)).isNotEqualTo("cold");
    }

    @Test
    void whatIsWrongIsNamed() {
        assertThatThrownBy(() -> answer(chat("nobody").addUserMessage("Hi").build()))
                .isInstanceOf(NotFoundException.class)
                .hasMessageContaining("nobody");
        assertThatThrownBy(() -> answer(question().temperature(9.0).build()))
                .isInstanceOfSatisfying(
                        BadRequestException.class,
                        wrong -> assertThat(wrong.param()).contains("temperature"));
        ChatCompletionContentPart image = ChatCompletionContentPart.ofImageUrl(ChatCompletionContentPartImage.builder()
                .imageUrl(ChatCompletionContentPartImage.ImageUrl.builder()
                        .url("https://example.org/cat.png")
                        .build())
                .build());
        assertThatThrownBy(() -> answer(chat(SampleServer.MODEL)
                        .addUserMessageOfArrayOfContentParts(List.of(image))
                        .build()))
                .isInstanceOf(BadRequestException.class)
                .hasMessageContaining("messages[0].content");
    }

    @Test
    void aClosedStreamEnds() throws Exception {
        ChatCompletionCreateParams endless = ChatCompletionCreateParams.builder()
                .model(SampleServer.MODEL)
                .addUserMessage(SampleServer.QUESTION)
                .logitBias(ChatCompletionCreateParams.LogitBias.builder()
                        .putAdditionalProperty(String.valueOf(SampleServer.END), JsonValue.from(-100))
                        .build())
                .build();
        try (StreamResponse<ChatCompletionChunk> stream =
                client.chat().completions().createStreaming(endless)) {
            assertThat(stream.stream().findFirst()).isPresent();
        }
        SampleServer.awaitIdle(server);
    }

    private static ResponseCreateParams.Builder response(String input) {
        return ResponseCreateParams.builder()
                .model(SampleServer.MODEL)
                .temperature(0.0)
                .maxOutputTokens(120)
                .input(input);
    }

    private static String text(Response response) {
        return response.output()
                .get(0)
                .asMessage()
                .content()
                .get(0)
                .asOutputText()
                .text();
    }

    @Test
    void respondsByTheResponsesApi() {
        Response response =
                client.responses().create(response(SampleServer.QUESTION).build());
        response.validate();
        assertThat(text(response)).isEqualTo("cold");
        assertThat(response.status()).contains(ResponseStatus.COMPLETED);
        ResponseAccumulator accumulator = ResponseAccumulator.create();
        StringBuilder text = new StringBuilder();
        try (StreamResponse<ResponseStreamEvent> stream = client.responses()
                .createStreaming(response(SampleServer.QUESTION).build())) {
            stream.stream().forEach(event -> {
                event.validate();
                accumulator.accumulate(event);
                event.outputTextDelta().ifPresent(delta -> text.append(delta.delta()));
            });
        }
        assertThat(text.toString()).isEqualTo("cold");
        assertThat(text(accumulator.response())).isEqualTo("cold");
        assertThat(accumulator.response().usage().orElseThrow().totalTokens())
                .isEqualTo(response.usage().orElseThrow().totalTokens());
        assertThatThrownBy(() -> client.responses().retrieve(response.id()))
                .isInstanceOf(NotFoundException.class)
                .hasMessageContaining(response.id());
    }

    @Test
    void respondsWithACallAndReadsItsResult() {
        FunctionTool tool = FunctionTool.builder()
                .name("get_weather")
                .description("The weather")
                .parameters(FunctionTool.Parameters.builder()
                        .putAdditionalProperty("type", JsonValue.from("object"))
                        .putAdditionalProperty(
                                "properties", JsonValue.from(Map.of("city", Map.of("enum", List.of("Bonn", "Rome")))))
                        .putAdditionalProperty("required", JsonValue.from(List.of("city")))
                        .putAdditionalProperty("additionalProperties", JsonValue.from(false))
                        .build())
                .strict(true)
                .build();
        Response called = client.responses()
                .create(response("Weather?")
                        .addTool(tool)
                        .toolChoice(ToolChoiceOptions.REQUIRED)
                        .parallelToolCalls(false)
                        .build());
        called.validate();
        ResponseFunctionToolCall call = called.output().get(0).asFunctionCall();
        assertThat(call.name()).isEqualTo("get_weather");
        assertThat(call.arguments()).contains("city");
        Response answer = client.responses()
                .create(response("")
                        .inputOfResponse(List.of(
                                ResponseInputItem.ofMessage(ResponseInputItem.Message.builder()
                                        .role(ResponseInputItem.Message.Role.USER)
                                        .addInputTextContent("Weather?")
                                        .build()),
                                ResponseInputItem.ofFunctionCall(call),
                                ResponseInputItem.ofFunctionCallOutput(ResponseInputItem.FunctionCallOutput.builder()
                                        .callId(call.callId())
                                        .output("12 degrees")
                                        .build())))
                        .addTool(tool)
                        .maxOutputTokens(3)
                        .build());
        answer.validate();
        assertThat(answer.usage().orElseThrow().inputTokens())
                .isGreaterThan(called.usage().orElseThrow().inputTokens());
    }

    @Test
    void respondsInTheFormOfAClass() {
        Verdict verdict = client.responses()
                .create(response("hello").text(Verdict.class).build())
                .output()
                .get(0)
                .message()
                .orElseThrow()
                .content()
                .get(0)
                .asOutputText();
        assertThat(verdict.colour).isNotNull();
    }
}
