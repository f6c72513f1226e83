package io.tandem.server.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.server.api.RequestField.Support;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Each field that is honoured has a test of what it does; {@code WrongValuesIT} tests what wrong values get. */
class TestedFieldsTest {
    private static final Map<String, Set<String>> BY_TEST = Map.ofEntries(
            Map.entry(
                    "AnswerIT",
                    Set.of(
                            "model",
                            "messages",
                            "prompt",
                            "temperature",
                            "seed",
                            "logit_bias",
                            "logprobs",
                            "stop",
                            "stream")),
            Map.entry(
                    "RequestFieldsIT",
                    Set.of(
                            "best_of",
                            "continue_final_message",
                            "echo",
                            "ignore_eos",
                            "include_stop_str_in_output",
                            "max_tokens",
                            "min_p",
                            "min_tokens",
                            "n",
                            "prompt_logprobs",
                            "repetition_penalty",
                            "return_token_ids",
                            "skip_special_tokens",
                            "stop_token_ids",
                            "truncate_prompt_tokens")),
            Map.entry(
                    "FieldEffectsIT",
                    Set.of(
                            "add_generation_prompt",
                            "add_special_tokens",
                            "chat_template_kwargs",
                            "frequency_penalty",
                            "max_completion_tokens",
                            "presence_penalty",
                            "reasoning",
                            "reasoning_effort",
                            "stream_options",
                            "top_k",
                            "top_p")),
            Map.entry(
                    "ResponsesIT",
                    Set.of(
                            "include",
                            "input",
                            "instructions",
                            "max_output_tokens",
                            "text",
                            "top_logprobs",
                            "truncation")),
            Map.entry(
                    "StructuredOutputIT",
                    Set.of("guided_choice", "guided_json", "guided_regex", "response_format", "structured_outputs")),
            Map.entry("ToolsIT", Set.of("parallel_tool_calls", "tool_choice", "tools")),
            Map.entry("AdapterMakingIT", Set.of("adapters", "merged_adapters")),
            Map.entry("RecursiveIT", Set.of("early_exit")),
            Map.entry("FairnessIT", Set.of("user")),
            Map.entry("FairQueueTest", Set.of("priority")));

    @Test
    void everyHonouredFieldHasATestOfItsEffect() throws IOException {
        Set<String> honoured = RequestFields.list().stream()
                .filter(field -> field.support() == Support.HONOURED)
                .map(RequestField::name)
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> tested = new TreeSet<>();
        BY_TEST.values().forEach(tested::addAll);
        assertThat(tested).isEqualTo(honoured);
        for (Map.Entry<String, Set<String>> test : BY_TEST.entrySet()) {
            String source = source(test.getKey() + ".java");
            assertThat(test.getValue())
                    .as(test.getKey())
                    .allSatisfy(field -> assertThat(source).containsPattern("\\b" + field + "\\b"));
        }
    }

    private static String source(String file) throws IOException {
        for (Path root : List.of(Path.of("src/test"), Path.of("../scheduler/src/test"))) {
            try (Stream<Path> tree = Files.walk(root)) {
                for (Path path : tree.filter(path -> path.endsWith(file)).toList()) {
                    return Files.readString(path);
                }
            }
        }
        throw new AssertionError("there is no " + file);
    }
}
