package io.tandem.server.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.ChatRendering;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JinjaChatTemplateTest {
    private static final List<ChatMessage> CHAT = List.of(
            new ChatMessage("system", "Be kind."), new ChatMessage("user", " Hi "), new ChatMessage("assistant", "Yo"));

    @TempDir
    Path directory;

    @Test
    void rendersLlama3() throws IOException {
        String template = "{% set loop_messages = messages %}{% for message in loop_messages %}"
                + "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
                + " + message['content'] | trim + '<|eot_id|>' %}"
                + "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
                + "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";
        assertThat(template(template).render(CHAT.subList(0, 2), true))
                .isEqualTo("<s><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
                        + "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
                        + "<|start_header_id|>assistant<|end_header_id|>\n\n");
    }

    /** As Qwen 3's template reads enable_thinking; what the server sets itself is not the client's to change. */
    @Test
    void aClientsVariablesReachTheTemplate() throws Exception {
        ChatTemplate template = template("{{ messages[0].content }}{% if enable_thinking is defined and "
                + "enable_thinking is false %}<think></think>{% endif %}{% if depth %}{{ depth.max }}{% endif %}");
        assertThat(template.render(CHAT, true)).isEqualTo("Be kind.");
        ObjectNode variables = (ObjectNode) JsonBody.MAPPER.readTree(
                "{\"enable_thinking\":false,\"depth\":{\"max\":3},\"messages\":[],\"bos_token\":\"x\"}");
        assertThat(template.render(CHAT, new ChatRendering(List.of(), true, false, variables)))
                .isEqualTo("Be kind.<think></think>3");
    }

    @Test
    void aChatMayEndWithinTheLastMessage() throws Exception {
        ChatTemplate template = template("{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}");
        ChatRendering continued = new ChatRendering(List.of(), false, true, JsonBody.MAPPER.createObjectNode());
        assertThat(template.render(CHAT, continued)).endsWith("<assistant>Yo");
        ChatTemplate shouting = template("{% for m in messages %}{{ m.content | upper }}{% endfor %}");
        assertThatThrownBy(() -> shouting.render(CHAT, continued)).hasMessageContaining("continue_final_message");
    }

    @Test
    void rendersQwen2WithWhitespaceControl() throws IOException {
        String template = """
                {%- if messages[0]['role'] == 'system' %}
                    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
                {%- else %}
                    {{- '<|im_start|>system\\nDefault<|im_end|>\\n' }}
                {%- endif %}
                {%- for message in messages %}
                    {%- if (message.role == "user") or (message.role == "system" and not loop.first)
                        or (message.role == "assistant" and not message.tool_calls) %}
                        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
                    {%- endif %}
                {%- endfor %}
                {%- if add_generation_prompt %}
                    {{- '<|im_start|>assistant\\n' }}
                {%- endif %}
                """;
        assertThat(template(template).render(CHAT, true))
                .isEqualTo("<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n"
                        + "<|im_start|>assistant\nYo<|im_end|>\n<|im_start|>assistant\n");
    }

    @Test
    void trimsBlocksAsTransformersDoes() throws IOException {
        assertThat(template("{% for m in messages %}\n    {% if true %}\n{{ m.role }}\n    {% endif %}\n{% endfor %}")
                        .render(CHAT, false))
                .isEqualTo("system\nuser\nassistant\n");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '#',
            ignoreLeadingAndTrailingWhitespace = true,
            value = {
                "{{ messages[1].content.strip() }}#Hi",
                "{{ messages[0]['content'].split(' ')[-1] }}#kind.",
                "{{ messages[0].content.startswith('Be') }}#True",
                "{{bos_token}}{{eos_token}}#<s></s>",
                "{% if tools is defined %}a{% endif %}{% if tools %}b{% endif %}#a",
                "{{ messages[0].get('name', 'none') }}#none",
                "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}#3",
                "{% for m in messages[1:] %}{{ m.role }}{% endfor %}#userassistant",
                "{{ messages | length }}#3",
                "{% if (messages[0]['role'] == 'user') != (0 % 2 == 0) %}odd{% endif %}#odd",
                "{% if messages[0].content is string and 'kind' in messages[0].content %}y{% endif %}#y",
            })
    void knowsWhatTemplatesUse(String source, String expected) throws IOException {
        assertThat(template(source).render(CHAT, false)).isEqualTo(expected);
    }

    @Test
    void doesNotInterpretMessages() throws IOException {
        String hostile = "{{ 7 * 7 }}{% for i in range(9) %}x{% endfor %}{# note #}";
        assertThat(template("{{ messages[0].content }}").render(List.of(new ChatMessage("user", hostile)), false))
                .isEqualTo(hostile);
    }

    @Test
    void saysWhyATemplateRefuses() throws IOException {
        ChatTemplate template = template("{{ raise_exception('Roles must alternate') }}");
        assertThatThrownBy(() -> template.render(CHAT, true))
                .isInstanceOfSatisfying(ApiException.class, e -> {
                    assertThat(e.status()).isEqualTo(400);
                    assertThat(e.param()).isEqualTo("messages");
                })
                .hasMessageContaining("Roles must alternate");
    }

    @Test
    void limitsTheOutput() throws IOException {
        ChatTemplate template = template("{% for i in range(60000) %}{{ messages[0].content }}{% endfor %}");
        List<ChatMessage> chat = List.of(new ChatMessage("user", "x".repeat(10_000)));
        assertThatThrownBy(() -> template.render(chat, true)).isInstanceOf(ApiException.class);
    }

    @Test
    void doesNotReachIntoJava() throws IOException {
        for (String source :
                List.of("{{ messages.getClass().getName() }}", "{{ ''.class.forName('java.lang.Runtime') }}")) {
            ChatTemplate template = template(source);
            String text;
            try {
                text = template.render(CHAT, true);
            } catch (ApiException e) {
                text = "";
            }
            assertThat(text).isEmpty();
        }
    }

    @Test
    void specialTokensMayStandBesidesAndAreUndefinedIfThereAreNone() throws IOException {
        ChatTemplate template = template("{{ bos_token }}{{ pad_token }}{{ sep_token is defined }}");
        assertThat(template.render(CHAT, false)).isEqualTo("<s>False");
        Files.writeString(
                directory.resolve("special_tokens_map.json"),
                "{\"bos_token\":\"other\",\"pad_token\":{\"content\":\"<pad>\"}}");
        assertThat(load(directory).render(CHAT, false)).isEqualTo("<s><pad>False");
    }

    @Test
    void aTemplateThatCannotBeParsedKeepsNoModelFromStarting() throws IOException {
        ChatTemplate template = template("{% if %}");
        assertThatThrownBy(() -> template.render(CHAT, false))
                .isInstanceOf(ApiException.class)
                .hasMessageContaining("line 1")
                .hasMessageContaining("/v1/completions");
    }

    @Test
    void findsTheTemplateInAListOrBesides() throws IOException {
        config(Map.of(
                "chat_template",
                List.of(Map.of("name", "tools", "template", "a"), Map.of("name", "default", "template", "b"))));
        assertThat(load(directory).render(CHAT, true)).isEqualTo("b");
        Files.writeString(directory.resolve("chat_template.jinja"), "c");
        assertThat(load(directory).render(CHAT, true)).isEqualTo("c");
    }

    /** As transformers chooses it: in the list, or in the file that newer versions write. */
    @Test
    void chatsWithToolsMayHaveATemplateOfTheirOwn() throws Exception {
        ObjectNode tool =
                (ObjectNode) JsonBody.MAPPER.readTree("{\"type\":\"function\",\"function\":{\"name\":\"f\"}}");
        ChatRendering tools = ChatRendering.of(List.of(new Tool("f", "{}", tool)), true);
        config(Map.of(
                "chat_template",
                List.of(
                        Map.of("name", "default", "template", "plain"),
                        Map.of("name", "tool_use", "template", "{{ tools | length }}"))));
        ChatTemplate both = load(directory);
        assertThat(both.render(CHAT, true)).isEqualTo("plain");
        assertThat(both.render(CHAT, tools)).isEqualTo("1");
        assertThat(both.knowsTools()).isTrue();
        Path folder = Files.createDirectory(directory.resolve("additional_chat_templates"));
        Files.writeString(folder.resolve("tool_use.jinja"), "file {{ tools[0].function.name }}");
        assertThat(load(directory).render(CHAT, tools)).isEqualTo("file f");
    }

    @Test
    void withoutTemplateSendsTheClientToCompletions() throws IOException {
        assertThatThrownBy(() -> load(directory).render(CHAT, true))
                .isInstanceOf(ApiException.class)
                .hasMessageContaining("/v1/completions");
        config(Map.of("chat_template", 5));
        assertThatThrownBy(() -> load(directory)).isInstanceOf(ModelFormatException.class);
    }

    private ChatTemplate template(String source) throws IOException {
        config(Map.of("chat_template", source, "bos_token", Map.of("content", "<s>"), "eos_token", "</s>"));
        return load(directory);
    }

    private void config(Map<String, ?> fields) throws IOException {
        Files.write(directory.resolve("tokenizer_config.json"), JsonFile.MAPPER.writeValueAsBytes(fields));
    }

    static ChatTemplate load(Path directory) {
        ModelFile config = ModelFile.read(ModelSource.open(directory), "tokenizer_config.json");
        SpecialTokens special =
                SpecialTokens.of(config, ModelFile.read(ModelSource.open(directory), "special_tokens_map.json"));
        return JinjaChatTemplate.load(ModelSource.open(directory), config, special);
    }
}
