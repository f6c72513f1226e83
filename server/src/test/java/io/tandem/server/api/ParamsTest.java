package io.tandem.server.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.tandem.server.api.CompletionParams.Prompt;
import io.vertx.core.buffer.Buffer;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ParamsTest {
    private static final int VOCAB = 100;
    private static final int CONTEXT = 64;
    private static final RequestBounds BOUNDS = new RequestBounds(VOCAB, CONTEXT, SamplingDefaults.STANDARD);

    private static CompletionParams completion(String fields) {
        return CompletionParams.read(JsonBody.parse(Buffer.buffer("{\"model\":\"m\"," + fields + "}")), BOUNDS);
    }

    private static ChatParams chat(String fields) {
        return ChatParams.read(
                JsonBody.parse(Buffer.buffer(
                        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]," + fields + "}")),
                BOUNDS);
    }

    @Test
    void aMessageMayNameItsSpeaker() {
        String body = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"name\":%s,\"content\":\"hi\"}]}";
        ChatParams named = ChatParams.read(JsonBody.parse(Buffer.buffer(body.formatted("\"alice\""))), BOUNDS);
        assertThat(named.messages()).containsExactly(new ChatMessage("user", "hi"));
        ApiException refusal = catchThrowableOfType(
                ApiException.class, () -> ChatParams.read(JsonBody.parse(Buffer.buffer(body.formatted("1"))), BOUNDS));
        assertThat(refusal.param()).isEqualTo("messages[0].name");
    }

    @Test
    void defaultsAreOpenAis() {
        CompletionParams completion = completion("\"prompt\":\"x\"");
        assertThat(completion.generation().maxTokens()).isEqualTo(OptionalInt.of(16));
        assertThat(completion.generation().sampling().temperature()).isEqualTo(1);
        assertThat(completion.generation().sampling().topLogprobs()).isEqualTo(-1);
        assertThat(chat("\"n\":null").generation().maxTokens()).isEmpty();
    }

    @Test
    void aUserIsAStringOfLimitedLength() {
        assertThat(completion("\"prompt\":\"x\"").generation().user()).isEmpty();
        assertThat(chat("\"user\":\"ada\"").generation().user()).isEqualTo("ada");
        ApiException error =
                catchThrowableOfType(ApiException.class, () -> chat("\"user\":\"" + "a".repeat(257) + "\""));
        assertThat(error).hasMessageContaining("'user' must have at most 256 characters");
    }

    @Test
    void promptsHaveFourShapes() {
        assertThat(completion("\"prompt\":\"x\"").prompts()).containsExactly(new Prompt.Text("x"));
        assertThat(completion("\"prompt\":[\"x\",\"y\"]").prompts()).hasSize(2);
        assertThat(((Prompt.Tokens) completion("\"prompt\":[1,2]").prompts().get(0)).ids())
                .containsExactly(1, 2);
        assertThat(completion("\"prompt\":[[1,2],[3]]").prompts()).hasSize(2);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "prompt|`\"prompt\":null`",
                "prompt|`\"prompt\":7`",
                "prompt|`\"prompt\":[]`",
                "prompt|`\"prompt\":[\"x\",1]`",
                "prompt|`\"prompt\":[1,\"x\"]`",
                "prompt|`\"prompt\":[[1],2]`",
                "prompt|`\"prompt\":[100]`",
                "prompt|`\"prompt\":[-1]`",
                "prompt|`\"prompt\":[1.5]`",
                "prompt|`\"prompt\":[99999999999]`",
                "max_tokens|`\"prompt\":\"x\",\"max_tokens\":0`",
                "max_tokens|`\"prompt\":\"x\",\"max_tokens\":65`",
                "max_tokens|`\"prompt\":\"x\",\"max_tokens\":99999999999999999999999`",
                "max_tokens|`\"prompt\":\"x\",\"max_tokens\":\"5\"`",
                "max_tokens|`\"prompt\":\"x\",\"max_tokens\":5.5`",
                "max_tokens|`\"prompt\":\"x\",\"max_tokens\":true`",
                "temperature|`\"prompt\":\"x\",\"temperature\":-0.1`",
                "temperature|`\"prompt\":\"x\",\"temperature\":2.1`",
                "temperature|`\"prompt\":\"x\",\"temperature\":1e999`",
                "temperature|`\"prompt\":\"x\",\"temperature\":\"hot\"`",
                "top_p|`\"prompt\":\"x\",\"top_p\":1.1`",
                "top_k|`\"prompt\":\"x\",\"top_k\":-2`",
                "user|`\"prompt\":\"x\",\"user\":5`",
                "n|`\"prompt\":\"x\",\"n\":0`",
                "n|`\"prompt\":\"x\",\"n\":17`",
                "seed|`\"prompt\":\"x\",\"seed\":9223372036854775808`",
                "stop|`\"prompt\":\"x\",\"stop\":\"\"`",
                "stop|`\"prompt\":\"x\",\"stop\":[1]`",
                "stop|`\"prompt\":\"x\",\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]`",
                "presence_penalty|`\"prompt\":\"x\",\"presence_penalty\":3`",
                "frequency_penalty|`\"prompt\":\"x\",\"frequency_penalty\":-3`",
                "logit_bias|`\"prompt\":\"x\",\"logit_bias\":{\"a\":1}`",
                "logit_bias|`\"prompt\":\"x\",\"logit_bias\":{\"100\":1}`",
                "logit_bias|`\"prompt\":\"x\",\"logit_bias\":[]`",
                "logit_bias.7|`\"prompt\":\"x\",\"logit_bias\":{\"7\":101}`",
                "logprobs|`\"prompt\":\"x\",\"logprobs\":21`",
                "logprobs|`\"prompt\":\"x\",\"logprobs\":true`",
                "stream|`\"prompt\":\"x\",\"stream\":\"yes\"`",
                "stream_options|`\"prompt\":\"x\",\"stream_options\":{\"include_usage\":true}`",
                "stream_options.x|`\"prompt\":\"x\",\"stream\":true,\"stream_options\":{\"x\":true}`",
                "echo|`\"prompt\":\"x\",\"echo\":true`",
                "best_of|`\"prompt\":\"x\",\"best_of\":2`",
                "suffix|`\"prompt\":\"x\",\"suffix\":\"y\"`",
                "temprature|`\"prompt\":\"x\",\"temprature\":1`",
            })
    void wrongCompletionsNameTheField(String param, String fields) {
        ApiException error = catchThrowableOfType(ApiException.class, () -> completion(fields));
        assertThat(error.status()).isEqualTo(400);
        assertThat(error.param()).isEqualTo(param);
        assertThat(error.getMessage()).contains(param);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "tools|`\"tools\":[{\"type\":\"function\"}]`",
                "functions|`\"functions\":[{}]`",
                "response_format|`\"response_format\":{\"type\":\"json_object\"}`",
                "response_format|`\"response_format\":\"text\"`",
                "audio|`\"audio\":{}`",
                "modalities|`\"modalities\":[\"text\",\"audio\"]`",
                "store|`\"store\":true`",
                "tool_choice|`\"tool_choice\":\"required\"`",
                "top_logprobs|`\"top_logprobs\":3`",
                "top_logprobs|`\"logprobs\":true,\"top_logprobs\":21`",
                "logprobs|`\"logprobs\":3`",
                "max_tokens|`\"max_tokens\":3,\"max_completion_tokens\":4`",
                "max_completion_tokens|`\"max_completion_tokens\":0`",
                "prompt|`\"prompt\":\"x\"`",
            })
    void wrongChatsNameTheField(String param, String fields) {
        ApiException error = catchThrowableOfType(ApiException.class, () -> chat(fields));
        assertThat(error.param()).isEqualTo(param);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "messages|`[]`",
                "messages|`\"hi\"`",
                "messages[0]|`[1]`",
                "messages[0].role|`[{\"content\":\"x\"}]`",
                "messages[0].role|`[{\"role\":\"tool\",\"content\":\"x\"}]`",
                "messages[0].content|`[{\"role\":\"user\"}]`",
                "messages[0].content|`[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}]`",
                "messages[0].tool_calls|`[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{}]}]`",
                "messages[1].text|`[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"user\",\"text\":\"x\"}]`",
            })
    void wrongMessagesNameThePlace(String param, String messages) {
        Buffer body = Buffer.buffer("{\"model\":\"m\",\"messages\":" + messages + "}");
        ApiException error =
                catchThrowableOfType(ApiException.class, () -> ChatParams.read(JsonBody.parse(body), BOUNDS));
        assertThat(error.param()).isEqualTo(param);
    }

    @Test
    void harmlessFieldsAreTaken() {
        ChatParams params = chat("\"store\":false,\"metadata\":{\"a\":\"b\"},\"service_tier\":\"auto\",\"user\":\"u\","
                + "\"parallel_tool_calls\":true,\"tools\":[],\"response_format\":{\"type\":\"text\"},"
                + "\"modalities\":[\"text\"],\"stop\":[],\"logprobs\":true,\"top_logprobs\":2,\"top_k\":-1");
        assertThat(params.generation().stop()).isEqualTo(List.of());
        assertThat(params.generation().sampling().topLogprobs()).isEqualTo(2);
        assertThat(params.generation().sampling().topK()).isZero();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "\"x\"",
                "null",
                "{",
                "{}{}",
                "{\"a\":1,\"a\":2}",
                "{a:1}",
                "{\"a\":NaN}",
                "{\"a\":01}",
                "{\"a\":\"\\ud8\"}",
                "{\"a\":1}x",
                "\u0000"
            })
    void whatIsNoJsonObjectIsRefused(String body) {
        ApiException error = catchThrowableOfType(ApiException.class, () -> JsonBody.parse(Buffer.buffer(body)));
        assertThat(error.status()).isEqualTo(400);
        assertThat(error.code()).isEqualTo("invalid_json");
    }

    @Test
    void malformedJsonHasAPosition() {
        ApiException error =
                catchThrowableOfType(ApiException.class, () -> JsonBody.parse(Buffer.buffer("{\"a\":\n tru}")));
        assertThat(error.getMessage()).contains("line 2, column");
    }

    @Test
    void hostileJsonIsRefused() {
        List<String> bodies = List.of(
                "{\"a\":" + "[".repeat(100_000),
                "{\"a\":" + "9".repeat(100_000) + "}",
                "{\"" + "n".repeat(100_000) + "\":1}",
                "{\"a\":\"\u00ff" + "\ud800" + "\"");
        for (String body : bodies) {
            ApiException error = catchThrowableOfType(ApiException.class, () -> JsonBody.parse(Buffer.buffer(body)));
            assertThat(error.status()).isEqualTo(400);
            assertThat(error.getMessage().length()).isLessThan(2000);
        }
        ApiException invalidUtf8 = catchThrowableOfType(
                ApiException.class,
                () -> JsonBody.parse(Buffer.buffer(new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'})));
        assertThat(invalidUtf8.status()).isEqualTo(400);
    }
}
