package io.tandem.server.text;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.el.JinjavaProcessors;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.Context.Library;
import com.hubspot.jinjava.interpret.InterpreterFactory;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.Importable;
import com.hubspot.jinjava.lib.filter.Filter;
import com.hubspot.jinjava.lib.filter.IndentFilter;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import com.hubspot.jinjava.lib.fn.Functions;
import com.hubspot.jinjava.lib.tag.ForTag;
import com.hubspot.jinjava.tree.TagNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.util.AbstractCollection;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.commons.lang3.exception.ExceptionUtils;
import org.jspecify.annotations.Nullable;

/**
 * Renders templates of strangers. A template is given values and gets texts, numbers, booleans, lists and dicts only,
 * through {@link PythonValues}; it has the tags, filters, tests and functions named here, no resources, and a
 * {@link RenderBudget}. Public because the template engine calls {@link #range} by reflection.
 */
public final class TemplateSandbox {
    /** Filters of the engine whose work and result are bounded by their arguments. */
    private static final Set<String> FILTERS = Set.of(
            "abs",
            "bool",
            "capitalize",
            "count",
            "d",
            "default",
            "dictsort",
            "first",
            "float",
            "indent",
            "int",
            "join",
            "last",
            "length",
            "list",
            "lower",
            "map",
            "reject",
            "rejectattr",
            "reverse",
            "round",
            "safe",
            "select",
            "selectattr",
            "sort",
            "string",
            "sum",
            "title",
            "trim",
            "unique",
            "upper");

    private static final Set<String> TAGS =
            Set.of("if", "elif", "else", "for", "set", "macro", "raw", "break", "continue");
    /** The engine puts the namespace before the name; these have none. */
    private static final Set<String> FUNCTIONS = Set.of(":namespace", ":range");

    private static final int MAX_RENDER_DEPTH = 64;

    private final Jinjava jinjava;

    TemplateSandbox() {
        Context all = new Jinjava().getGlobalContext();
        jinjava = new Jinjava(config(Map.of(
                Library.FILTER,
                others(all.getAllFilters(), FILTERS::contains),
                Library.TAG,
                others(all.getAllTags(), tag -> TAGS.contains(tag) || tag.startsWith("end")),
                Library.FUNCTION,
                others(all.getAllFunctions(), FUNCTIONS::contains))));
        jinjava.setResourceLocator((name, encoding, interpreter) -> {
            throw new IOException("templates cannot read " + JsonFile.excerpt(name));
        });
        jinjava.registerTag(new CountedFor());
        jinjava.registerFilter(new Replace());
        jinjava.registerFilter(new Indent());
        jinjava.registerFilter(new ToJson());
        jinjava.registerFunction(
                new ELFunctionDefinition("", "raise_exception", TemplateRefusal.class, "raise", Object.class));
        jinjava.registerFunction(
                new ELFunctionDefinition("", "range", TemplateSandbox.class, "range", Object.class, Object[].class));
    }

    private static Set<String> others(Collection<? extends Importable> all, Predicate<String> allowed) {
        return all.stream().map(Importable::getName).filter(allowed.negate()).collect(Collectors.toSet());
    }

    @SuppressWarnings("deprecation") // Without it {{a}} is text: Jinja asks for no space there.
    private static JinjavaConfig config(Map<Library, Set<String>> disabled) {
        LegacyOverrides asInPython = LegacyOverrides.Builder.from(LegacyOverrides.ALL)
                .withWhitespaceRequiredWithinTokens(false)
                .withDefaultKeepTrailingNewlineBehavior(true)
                .build();
        return JinjavaConfig.newBuilder()
                .withLegacyOverrides(asInPython)
                .withTrimBlocks(true)
                .withLstripBlocks(true)
                // A message that looks like a template must stay text.
                .withNestedInterpretationEnabled(false)
                .withDisabled(disabled)
                .withMaxOutputSize(RenderBudget.MAX_CHARS)
                .withMaxStringLength(RenderBudget.MAX_CHARS)
                .withMaxListSize(RenderBudget.MAX_CHARS)
                .withRangeLimit(RenderBudget.MAX_NUMBER)
                .withMaxRenderDepth(MAX_RENDER_DEPTH)
                .withElResolver(new PythonValues())
                .withInterperterFactory(new CountedFactory())
                .withProcessors(JinjavaProcessors.newBuilder()
                        .withNodePreProcessor((node, interpreter) -> budget().node())
                        .build())
                .build();
    }

    /**
     * Renders a template.
     *
     * @throws RenderBudget.Exceeded if it takes too much
     */
    RenderResult render(String source, Map<String, Object> bindings) {
        try {
            RenderResult result = jinjava.renderForResult(source, bindings);
            for (TemplateError error : result.getErrors()) {
                if (ExceptionUtils.getRootCause(error.getException()) instanceof RenderBudget.Exceeded exceeded) {
                    throw exceeded;
                }
            }
            return result;
        } catch (StackOverflowError e) {
            throw new RenderBudget.Exceeded("nests too deep");
        } catch (OutOfMemoryError e) {
            throw new RenderBudget.Exceeded("takes more memory than there is");
        }
    }

    /** Of the template that this thread renders. */
    static RenderBudget budget() {
        return ((CountedInterpreter) JinjavaInterpreter.getCurrent()).budget;
    }

    /** What templates know as {@code range}. */
    public static List<Integer> range(Object first, Object... others) {
        RenderBudget budget = budget();
        budget.step();
        List<Integer> numbers = Functions.range(first, others);
        if (numbers.size() == RenderBudget.MAX_NUMBER) {
            throw budget.exceed("asks for a range of " + RenderBudget.MAX_NUMBER + " numbers or more");
        }
        return numbers;
    }

    private static final class CountedFactory implements InterpreterFactory {
        @Override
        public JinjavaInterpreter newInstance(JinjavaInterpreter parent) {
            return new CountedInterpreter((CountedInterpreter) parent);
        }

        @Override
        public JinjavaInterpreter newInstance(Jinjava application, Context context, JinjavaConfig config) {
            return new CountedInterpreter(application, context, config);
        }
    }

    private static final class CountedInterpreter extends JinjavaInterpreter {
        private final RenderBudget budget;

        CountedInterpreter(CountedInterpreter parent) {
            super(parent);
            budget = parent.budget;
        }

        CountedInterpreter(Jinjava application, Context context, JinjavaConfig config) {
            super(application, context, config);
            budget = new RenderBudget();
        }

        @Override
        public @Nullable Object retraceVariable(String variable, int line, int position) {
            Object value = super.retraceVariable(variable, line, position);
            budget.read(value);
            return value;
        }
    }

    /** Counts each turn, and looks into items that are lists or dicts only. */
    private static final class CountedFor extends ForTag {
        @Override
        public String renderForCollection(
                TagNode node, JinjavaInterpreter interpreter, List<String> names, @Nullable Object value) {
            RenderBudget budget = budget();
            Collection<?> items = items(value);
            return super.renderForCollection(node, interpreter, names, new AbstractCollection<Object>() {
                @Override
                public int size() {
                    return items.size();
                }

                @Override
                public Iterator<Object> iterator() {
                    Iterator<?> iterator = items.iterator();
                    return new Iterator<>() {
                        @Override
                        public boolean hasNext() {
                            return iterator.hasNext();
                        }

                        @Override
                        public Object next() {
                            budget.node();
                            Object item = iterator.next();
                            if (names.size() > 1 && !(item instanceof List || item instanceof Map.Entry)) {
                                throw new TemplateRefusal("it takes apart an item that is neither a list nor a pair");
                            }
                            return item;
                        }
                    };
                }
            });
        }

        private static Collection<?> items(@Nullable Object value) {
            if (value == null) {
                return List.of();
            }
            if (value instanceof Collection<?> list) {
                return list;
            }
            if (value instanceof Map<?, ?> map) {
                return map.keySet();
            }
            if (value instanceof Object[] array) {
                return Arrays.asList(array);
            }
            if (value instanceof CharSequence text) {
                return text.codePoints().mapToObj(Character::toString).toList();
            }
            throw new TemplateRefusal("it loops over something that is no list");
        }
    }

    private static final class Replace implements Filter {
        @Override
        public String getName() {
            return "replace";
        }

        @Override
        public @Nullable Object filter(@Nullable Object value, JinjavaInterpreter interpreter, String... arguments) {
            if (value == null || arguments.length != 2) {
                throw new TemplateRefusal("replace takes a text, and two more");
            }
            return PythonStrings.replaced(budget(), value.toString(), arguments[0], arguments[1]);
        }
    }

    /** The engine's does not look at how much it makes. */
    private static final class Indent extends IndentFilter {
        @Override
        public Object filter(@Nullable Object value, JinjavaInterpreter interpreter, Map<String, Object> arguments) {
            String text = String.valueOf(value);
            long lines = text.lines().count() + 1;
            if (arguments.get(WIDTH_PARAM) instanceof Number width) {
                budget().requireRoom(text.length() + lines * Math.max(0, width.longValue()));
            }
            return super.filter(text, interpreter, arguments);
        }
    }

    /** Of values that a template may have, and of nothing else: the engine's would write any object of Java. */
    private static final class ToJson implements Filter {
        @Override
        public String getName() {
            return "tojson";
        }

        @Override
        public Object filter(@Nullable Object value, JinjavaInterpreter interpreter, String... arguments) {
            budget().read(value);
            try {
                return JsonBody.MAPPER.writeValueAsString(plain(value));
            } catch (IOException e) {
                throw new TemplateRefusal("tojson cannot write it");
            }
        }

        private static @Nullable Object plain(@Nullable Object value) {
            if (value == null || value instanceof Number || value instanceof Boolean) {
                return value;
            }
            if (value instanceof CharSequence text) {
                return text.toString();
            }
            if (value instanceof Collection<?> list) {
                return list.stream().map(ToJson::plain).collect(Collectors.toCollection(ArrayList::new));
            }
            if (value instanceof Map<?, ?> map) {
                Map<String, Object> plain = new LinkedHashMap<>();
                map.forEach((name, item) -> plain.put(String.valueOf(name), plain(item)));
                return plain;
            }
            throw new TemplateRefusal("tojson is given something that is no JSON");
        }
    }
}
