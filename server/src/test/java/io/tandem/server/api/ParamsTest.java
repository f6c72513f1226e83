package io.tandem.server.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.tandem.scheduler.inference.StopRule;
import io.tandem.server.api.CompletionParams.Prompt;
import io.vertx.core.buffer.Buffer;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ParamsTest {
    private static final int VOCAB = 100;
    private static final int CONTEXT = 64;
    private static final RequestBounds BOUNDS = new RequestBounds(VOCAB, CONTEXT, SamplingDefaults.STANDARD, false);

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
                "echo|`\"prompt\":\"x\",\"echo\":1`",
                "best_of|`\"prompt\":\"x\",\"best_of\":17`",
                "best_of|`\"prompt\":\"x\",\"best_of\":1,\"n\":2`",
                "best_of|`\"prompt\":\"x\",\"best_of\":2,\"stream\":true`",
                "best_of|`\"prompt\":[[1],[1],[1],[1],[1],[1],[1],[1],[1]],\"best_of\":16`",
                "suffix|`\"prompt\":\"x\",\"suffix\":\"y\"`",
                "max_completion_tokens|`\"prompt\":\"x\",\"max_completion_tokens\":65`",
                "max_tokens|`\"prompt\":\"x\",\"max_completion_tokens\":5,\"max_tokens\":6`",
                "min_p|`\"prompt\":\"x\",\"min_p\":1.1`",
                "min_p|`\"prompt\":\"x\",\"min_p\":\"0\"`",
                "repetition_penalty|`\"prompt\":\"x\",\"repetition_penalty\":0`",
                "repetition_penalty|`\"prompt\":\"x\",\"repetition_penalty\":2.5`",
                "early_exit|`\"prompt\":\"x\",\"early_exit\":0`",
                "early_exit|`\"prompt\":\"x\",\"early_exit\":1.5`",
                "early_exit|`\"prompt\":\"x\",\"early_exit\":0.5`",
                "min_tokens|`\"prompt\":\"x\",\"min_tokens\":-1`",
                "min_tokens|`\"prompt\":\"x\",\"min_tokens\":17`",
                "stop_token_ids|`\"prompt\":\"x\",\"stop_token_ids\":[100]`",
                "stop_token_ids|`\"prompt\":\"x\",\"stop_token_ids\":5`",
                "stop_token_ids|`\"prompt\":\"x\",\"stop_token_ids\":[\"5\"]`",
                "ignore_eos|`\"prompt\":\"x\",\"ignore_eos\":1`",
                "include_stop_str_in_output|`\"prompt\":\"x\",\"include_stop_str_in_output\":\"yes\"`",
                "skip_special_tokens|`\"prompt\":\"x\",\"skip_special_tokens\":0`",
                "return_token_ids|`\"prompt\":\"x\",\"return_token_ids\":0`",
                "prompt_logprobs|`\"prompt\":\"x\",\"prompt_logprobs\":21`",
                "prompt_logprobs|`\"prompt\":\"x\",\"prompt_logprobs\":1,\"stream\":true`",
                "truncate_prompt_tokens|`\"prompt\":\"x\",\"truncate_prompt_tokens\":0`",
                "truncate_prompt_tokens|`\"prompt\":\"x\",\"truncate_prompt_tokens\":65`",
                "priority|`\"prompt\":\"x\",\"priority\":0.5`",
                "priority|`\"prompt\":\"x\",\"priority\":3000000000`",
                "add_special_tokens|`\"prompt\":\"x\",\"add_special_tokens\":1`",
                "use_beam_search|`\"prompt\":\"x\",\"use_beam_search\":true`",
                "length_penalty|`\"prompt\":\"x\",\"length_penalty\":1.2`",
                "typical_p|`\"prompt\":\"x\",\"typical_p\":0.9`",
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
                "tools[0].function|`\"tools\":[{\"type\":\"function\"}]`",
                "functions|`\"functions\":[{}]`",
                "response_format.type|`\"response_format\":{\"type\":\"yaml\"}`",
                "response_format|`\"response_format\":\"text\"`",
                "audio|`\"audio\":{}`",
                "modalities|`\"modalities\":[\"text\",\"audio\"]`",
                "echo|`\"echo\":true`",
                "chat_template|`\"chat_template\":\"{{ messages }}\"`",
                "tool_choice|`\"tool_choice\":\"required\"`",
                "top_logprobs|`\"top_logprobs\":3`",
                "top_logprobs|`\"logprobs\":true,\"top_logprobs\":21`",
                "logprobs|`\"logprobs\":3`",
                "max_tokens|`\"max_tokens\":3,\"max_completion_tokens\":4`",
                "max_completion_tokens|`\"max_completion_tokens\":0`",
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
                "messages[0].role|`[{\"role\":\"critic\",\"content\":\"x\"}]`",
                "messages[0].content|`[{\"role\":\"user\"}]`",
                "messages[0].content[0].type|`[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}]`",
                "messages[0].tool_calls|`[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":3}]`",
                "messages[0].tool_calls[0].function|`[{\"role\":\"assistant\",\"tool_calls\":[{}]}]`",
                "messages[0].tool_calls|`[{\"role\":\"user\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]}]`",
                "messages[1].content|`[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"user\",\"text\":\"x\"}]`",
            })
    void wrongMessagesNameThePlace(String param, String messages) {
        Buffer body = Buffer.buffer("{\"model\":\"m\",\"messages\":" + messages + "}");
        ApiException error =
                catchThrowableOfType(ApiException.class, () -> ChatParams.read(JsonBody.parse(body), BOUNDS));
        assertThat(error.param()).isEqualTo(param);
    }

    @Test
    void harmlessFieldsAreTaken() {
        ChatParams params = chat("\"store\":true,\"metadata\":{\"a\":\"b\"},\"service_tier\":\"auto\",\"user\":\"u\","
                + "\"parallel_tool_calls\":true,\"tools\":[],\"response_format\":{\"type\":\"text\"},"
                + "\"modalities\":[\"text\"],\"stop\":[],\"logprobs\":true,\"top_logprobs\":2,\"top_k\":-1");
        assertThat(params.generation().stop().texts()).isEmpty();
        assertThat(params.generation().sampling().topLogprobs()).isEqualTo(2);
        assertThat(params.generation().sampling().topK()).isZero();
    }

    @Test
    void fieldsThatNothingReadsAreListed() {
        assertThat(completion("\"prompt\":\"x\",\"temprature\":1,\"cache_prompt\":true,\"length_penalty\":1.0")
                        .generation()
                        .ignored())
                .containsExactly("temprature", "cache_prompt");
        Buffer body = Buffer.buffer(
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\",\"id\":\"7\"}],\"prompt\":\"x\"}");
        assertThat(ChatParams.read(JsonBody.parse(body), BOUNDS).generation().ignored())
                .containsExactlyInAnyOrder("prompt", "messages[0].id");
    }

    @Test
    void noTokensAreWantedOfAPromptThatIsOnlyScored() {
        CompletionParams params = completion("\"prompt\":\"x\",\"echo\":true,\"max_tokens\":0");
        assertThat(params.generation().maxTokens()).isEqualTo(OptionalInt.of(0));
        assertThat(params.echo()).isTrue();
        assertThat(completion("\"prompt\":\"x\",\"prompt_logprobs\":0,\"max_tokens\":0")
                        .generation()
                        .output()
                        .promptLogprobs())
                .isZero();
    }

    @Test
    void vllmsFieldsAreRead() {
        CompletionParams params = completion(
                "\"prompt\":\"x\",\"max_completion_tokens\":9,\"min_tokens\":3,\"stop_token_ids\":[7,8],"
                        + "\"min_p\":0.1,\"repetition_penalty\":1.2,\"ignore_eos\":true,\"include_stop_str_in_output\":true,"
                        + "\"skip_special_tokens\":false,\"return_token_ids\":true,\"priority\":-5,\"truncate_prompt_tokens\":4,\"best_of\":3");
        GenerationParams generation = params.generation();
        assertThat(generation.maxTokens()).isEqualTo(OptionalInt.of(9));
        assertThat(generation.stop().rule(Set.of(1))).isEqualTo(new StopRule(Set.of(7, 8), 3, true));
        assertThat(generation.sampling().minP()).isEqualTo(0.1);
        assertThat(generation.sampling().penalties().repetition()).isEqualTo(1.2);
        assertThat(generation.output().skipSpecialTokens()).isFalse();
        assertThat(generation.output().tokenIds()).isTrue();
        assertThat(generation.priority()).isEqualTo(-5);
        assertThat(generation.promptTokens()).isEqualTo(OptionalInt.of(4));
        assertThat(params.bestOf()).isEqualTo(3);
        assertThat(generation.ignored()).isEmpty();
        assertThat(completion("\"prompt\":\"x\",\"truncate_prompt_tokens\":-1,\"max_tokens\":4")
                        .generation()
                        .promptTokens())
                .isEqualTo(OptionalInt.of(CONTEXT - 4));
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
