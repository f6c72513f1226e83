package io.tandem.server.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Templates that want more than texts. */
@Timeout(120) // Nothing here is about time; a template that never ends should not hold the build.
class HostileTemplateTest {
    private static final List<ChatMessage> CHAT = List.of(new ChatMessage("user", "Hi"));
    private static final String INTERPRETER = "____int3rpr3t3r____";

    @TempDir
    Path directory;

    @Test
    void doesNotReadFiles() throws IOException {
        Path secret = Files.writeString(directory.resolve("secret"), "the secret");
        for (String start :
                List.of(INTERPRETER, "messages['____int3' ~ 'rpr3t3r____']", "range", "namespace()", "loop")) {
            String text = rendered("{% for class, x in [" + start + "] %}{% for protectionDomain, y in [class] %}"
                    + "{% for codeSource, z in [protectionDomain] %}{% for location, w in [codeSource] %}"
                    + "{{ location.toURI().resolve('" + secret.toUri() + "').toURL().openStream().readAllBytes() }}"
                    + "{% endfor %}{% endfor %}{% endfor %}{% endfor %}");
            assertThat(text).doesNotContain("secret", "dGhlIHNlY3JldA");
        }
    }

    @Test
    void doesNotWriteFiles() throws IOException {
        Path file = directory.resolve("written");
        for (String start : List.of(INTERPRETER, "messages['____int3' ~ 'rpr3t3r____']")) {
            for (String tag : List.of("do", "set x =")) {
                rendered("{% for config, x in [" + start + "] %}{% for objectMapper, y in [config] %}"
                        + "{% for typeFactory, z in [objectMapper] %}{% set f = objectMapper.readValue('\"" + file
                        + "\"', typeFactory.constructFromCanonical('java.io.File')) %}{% " + tag
                        + " objectMapper.writeValue(f, 'x') %}{% endfor %}{% endfor %}{% endfor %}");
            }
        }
        assertThat(file).doesNotExist();
    }

    @Test
    void sendsNoRequests() throws IOException {
        AtomicInteger requests = new AtomicInteger();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            requests.incrementAndGet();
            exchange.sendResponseHeaders(200, -1);
        });
        server.start();
        try {
            String url = "http://127.0.0.1:" + server.getAddress().getPort() + "/";
            rendered("{% for config, x in [" + INTERPRETER + "] %}{% for objectMapper, y in [config] %}"
                    + "{% for typeFactory, z in [objectMapper] %}{% set u = objectMapper.readValue('\"" + url
                    + "\"', typeFactory.constructFromCanonical('java.net.URL')) %}"
                    + "{{ objectMapper.readTree(u) }}{% endfor %}{% endfor %}{% endfor %}");
            rendered("{{ " + INTERPRETER + ".config.objectMapper.readTree('" + url + "') }}");
            rendered("{% include '" + url + "' %}");
        } finally {
            server.stop(0);
        }
        assertThat(requests).hasValue(0);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{{ messages.getClass() }}",
                "{{ messages.__class__.__mro__ }}",
                "{{ ''.class.forName('java.lang.Runtime') }}",
                "{{ messages|attr('class') }}",
                "{{ 'x'|attr('getClass')() }}",
                "{{ ['x']|map('attr', 'class')|list }}",
                "{{ ['x']|map(attribute='class')|list }}",
                "{{ messages|map(attribute='content.class.name')|list }}",
                "{{ messages|selectattr('content.class.name')|list }}",
                "{{ messages|selectattr('class.name')|list }}",
                "{{ [" + INTERPRETER + "]|map(attribute='config')|list }}",
                "{{ " + INTERPRETER + ".config }}",
                "{{ " + INTERPRETER + "['context'] }}",
                "{{ " + INTERPRETER + "|tojson }}",
                "{{ [" + INTERPRETER + "]|tojson }}",
                "{{ " + INTERPRETER + ".render('{{ 1 }}') }}",
                "{{ " + INTERPRETER + ".getResource('logback.xml') }}",
                "{{ range|tojson }}",
                "{{ messages['filter:trim']|tojson }}",
                "{{ messages['filter:pprint'].filter(messages, " + INTERPRETER + ") }}",
                "{{ messages['exptest:defined'].class }}",
                "{{ messages|pprint }}",
                "{{ messages|toyaml }}",
                "{{ '{}'|fromjson }}",
                "{{ '!!java.io.File [/tmp/x]'|fromyaml }}",
                "{{ '{{ 7 * 7 }}'|render }}",
                "{{ 'x'|log }}",
                "{{ today() }}",
                "{{ type(messages) }}",
                "{{ fn:list('a') }}",
                "{{ fn:map_entry('a', 'b') }}",
                "{{ 'a'.bytes }}",
                "{{ 'a'.getBytes() }}",
                "{{ 'a'.chars().boxed() }}",
                "{{ 'a'.formatted() }}",
                "{{ 'a'.describeConstable() }}",
                "{{ messages[0].entrySet() }}",
                "{{ messages[0].getClass().classLoader }}",
                "{{ messages.toArray() }}",
                "{{ messages.stream() }}",
                "{{ (1).getClass() }}",
                "{{ true.class }}",
                "{% include 'logback.xml' %}",
                "{% import 'logback.xml' as x %}",
                "{% from 'logback.xml' import x %}",
                "{% extends 'logback.xml' %}",
                "{% do messages.add('x') %}",
                "{% for class, x in messages %}{{ class }}{% endfor %}",
                "{% for bytes, x in ['a'] %}{{ bytes }}{% endfor %}",
                "{% for x in " + INTERPRETER + " %}{{ x.config }}{% endfor %}",
            })
    void doesNotReachIntoTheServer(String source) throws IOException {
        assertThat(rendered(source))
                .doesNotContain("java", "hubspot", "Config", "appender", "class ", "ImmutableCollections", "UTF-8")
                .doesNotContain("49");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{% for i in range(65535) %}{% for j in range(65535) %}{% endfor %}{% endfor %}",
                "{% for i in range(65535) %}{% for j in range(65535) %}{{ i }}{% endfor %}{% endfor %}",
                "{% set l = 'xxxxxxxx'|list %}{% for a in l %}{% for b in l %}{% for c in l %}{% for d in l %}"
                        + "{% for e in l %}{% for f in l %}{% for g in l %}{% for h in l %}{% endfor %}{% endfor %}"
                        + "{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
                "{% set ns = namespace(l='x') %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}{{ ns.l }}",
                "{% set ns = namespace(l='x') %}{% for i in range(99) %}{% set ns.l = ns.l ~ ns.l %}{% endfor %}",
                "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
                "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
                "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = {'a': ns.l, 'b': ns.l} %}{% endfor %}"
                        + "{{ ns.l == ns.l }}",
                "{% set ns = namespace(l='xx') %}{% for i in range(99) %}{% set ns.l = ns.l.replace('x', 'xx') %}{% endfor %}",
                "{% set ns = namespace(l='xx') %}{% for i in range(99) %}{% set ns.l = ns.l|replace('', ns.l) %}{% endfor %}",
                "{% set ns = namespace(l='xx') %}{% for i in range(99) %}{% set ns.l = ns.l.join([ns.l, ns.l]) %}{% endfor %}",
                "{% set ns = namespace(l='xx') %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l]|join(ns.l) %}{% endfor %}",
                "{% set ns = namespace(l='xx') %}{% for i in range(99) %}{% set ns.l = ns.l|tojson ~ ns.l|tojson %}{% endfor %}",
                "{% set l = range(65000) %}{% for i in l %}{% if l == range(65000) %}{% endif %}{% endfor %}",
                "{% set l = range(65000) %}{% for i in l %}{% if 70000 in l %}{% endif %}{% endfor %}",
                "{% set l = range(65000) %}{% for i in l %}{% set x = l|sort|list %}{% endfor %}",
                "{% macro a(x) %}{{ b(x ~ x) }}{% endmacro %}{% macro b(x) %}{{ a(x ~ x) }}{% endmacro %}{{ a('x') }}"
                        + "{% for i in range(99999) %}{% endfor %}",
                "{{ range(900000000) }}",
                "{{ range(0, 9000000000000000000, 1)|length }}",
                "{{ 'x'.repeat(900000000) }}",
                "{{ 'x' * 900000000 }}",
                "{{ 'x'|center(900000000) }}",
                "{{ '%900000000d'|format(1) }}",
                "{{ 'x'.ljust(900000000) }}",
                "{{ 'x\\ny'|indent(900000000) }}",
                "{{ [1]|batch(900000000, 'x')|list }}",
                "{{ [1]|slice(900000000)|list }}",
                "{{ 'x'|wordwrap(900000000) }}{{ 'x'|truncate(1, true, 'x'.repeat(900000000)) }}",
            })
    void limitsWhatATemplateTakes(String source) throws IOException {
        ChatTemplate template = template(source);
        assertThatThrownBy(() -> template.render(CHAT, true))
                .isInstanceOfSatisfying(
                        ApiException.class, e -> assertThat(e.status()).isEqualTo(400))
                .hasMessageContaining("chat template");
    }

    /** What would be much for an engine that did it is little for one that does not. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{% set ns = namespace() %}{% set ns.n = ns %}{{ ns }}{{ ns == ns }}",
                "{% for i in range(6500) %}{% set x %}{{ messages }}{{ x }}{{ x }}{% endset %}{% endfor %}",
                "{{ '%900000000d'.format(1) }}",
                "{{ 'x\\ny'|indent(-900000000) }}",
                "{{ 1.5|round(900000000) }}",
            })
    void rendersLittleWhereMuchIsAskedFor(String source) throws IOException {
        assertThat(template(source).render(CHAT, true)).hasSizeLessThan(100);
    }

    @Test
    void namesTheLimitThatEndedATemplate() throws IOException {
        ChatTemplate endless =
                template("{% for i in range(65535) %}{% for j in range(65535) %}{% endfor %}{% endfor %}");
        assertThatThrownBy(() -> endless.render(CHAT, true))
                .isInstanceOfSatisfying(
                        ApiException.class, e -> assertThat(e.code()).isEqualTo("chat_template_limit"))
                .hasMessageContaining("takes more than");
    }

    @ParameterizedTest
    @ValueSource(strings = {"(", "[", "{'a':", "{% if true %}"})
    void refusesDeepNesting(String opening) throws IOException {
        for (int depth : new int[] {90, 5000}) {
            String source = opening.startsWith("{%") ? opening.repeat(depth) : "{{ " + opening.repeat(depth) + " }}";
            assertThatThrownBy(() -> template(source).render(CHAT, true))
                    .isInstanceOfAny(ApiException.class, ModelFormatException.class);
        }
    }

    @Test
    void refusesATemplateThatIsTooLong() {
        assertThatThrownBy(() -> template("x".repeat(1 << 19)))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("chat template");
    }

    @Test
    void rendersAChatOfManyMessages() throws IOException {
        ChatTemplate template =
                template("{% for m in messages %}{% if loop.first or m.role != messages[loop.index0 - 1].role %}"
                        + "{{ '<|' + m['role'] + '|>\\n' }}{% endif %}{{ m['content'] | trim }}{% endfor %}");
        List<ChatMessage> chat = java.util.Collections.nCopies(1000, new ChatMessage("user", "x".repeat(200)));
        assertThat(template.render(chat, false)).hasSize(9 + 1000 * 200);
    }

    private String rendered(String source) throws IOException {
        try {
            return template(source).render(CHAT, true);
        } catch (ApiException e) {
            return "refused: " + e.code();
        }
    }

    private ChatTemplate template(String source) throws IOException {
        Files.write(
                directory.resolve("tokenizer_config.json"),
                JsonBody.MAPPER.writeValueAsBytes(Map.of("chat_template", source)));
        return JinjaChatTemplateTest.load(directory);
    }
}
