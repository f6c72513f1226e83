package io.tandem.server.text.jinja;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Python's view of the values of a template. These are: String, Long, Double, Boolean, {@link None}, {@link Undefined},
 * List ({@link Tuple}, {@link Range}, others), Map with texts and numbers as keys, {@link Lazy}, {@link Namespace} and
 * {@link Function}. Texts are counted in code points.
 */
final class Values {
    private static final int MAX_DEPTH = 200;

    private Values() {}

    static String typeName(Object value) {
        if (value instanceof String) {
            return "str";
        } else if (value instanceof Boolean) {
            return "bool";
        } else if (value instanceof Long) {
            return "int";
        } else if (value instanceof Double) {
            return "float";
        } else if (value instanceof Range) {
            return "range";
        } else if (value instanceof View view) {
            return view.type();
        } else if (value instanceof Tuple) {
            return "tuple";
        } else if (value instanceof List) {
            return "list";
        } else if (value instanceof Map) {
            return "dict";
        } else if (value instanceof Lazy) {
            return "generator";
        } else if (value == None.NONE) {
            return "NoneType";
        }
        return value instanceof Namespace ? "Namespace" : value instanceof Undefined ? "Undefined" : "function";
    }

    static boolean isTrue(Object value) {
        if (value instanceof Boolean flag) {
            return flag;
        } else if (value instanceof String text) {
            return !text.isEmpty();
        } else if (value instanceof Long number) {
            return number != 0;
        } else if (value instanceof Double number) {
            return number != 0;
        } else if (value instanceof Collection<?> items) {
            return !items.isEmpty();
        } else if (value instanceof Map<?, ?> map) {
            return !map.isEmpty();
        }
        return value != None.NONE && !(value instanceof Undefined);
    }

    static boolean isNumber(Object value) {
        return value instanceof Long || value instanceof Double || value instanceof Boolean;
    }

    static boolean isInteger(Object value) {
        return value instanceof Long || value instanceof Boolean;
    }

    static long integer(Object value) {
        return value instanceof Boolean flag ? (flag ? 1 : 0) : (Long) value;
    }

    static double real(Object value) {
        return value instanceof Double number ? number : integer(value);
    }

    static int codePoints(String text) {
        return text.codePointCount(0, text.length());
    }

    static long length(Object value) {
        if (value instanceof String text) {
            return codePoints(text);
        } else if (value instanceof Collection<?> items) {
            return items.size();
        } else if (value instanceof Map<?, ?> map) {
            return map.size();
        } else if (value instanceof Undefined) {
            return 0;
        }
        throw new TemplateException("object of type '" + typeName(value) + "' has no len()");
    }

    /** What a loop over a value goes through. */
    static Iterator<?> iterate(Object value) {
        if (value instanceof Collection<?> items) {
            return items.iterator();
        } else if (value instanceof Map<?, ?> map) {
            return map.keySet().iterator();
        } else if (value instanceof String text) {
            return text.codePoints().mapToObj(Character::toString).iterator();
        } else if (value instanceof Lazy lazy) {
            return lazy.items();
        } else if (value instanceof Undefined) {
            return List.of().iterator();
        }
        throw new TemplateException("'" + typeName(value) + "' object is not iterable");
    }

    /** The same as a list. */
    static List<Object> list(Budget budget, Object value) {
        List<Object> items = new ArrayList<>();
        for (Iterator<?> all = iterate(value); all.hasNext(); ) {
            budget.make(1);
            items.add(all.next());
        }
        return items;
    }

    static boolean equal(Budget budget, Object left, Object right) {
        return equal(budget, left, right, 0);
    }

    private static boolean equal(Budget budget, Object left, Object right, int depth) {
        budget.step();
        requireDepth(depth);
        if (isNumber(left) && isNumber(right)) {
            boolean exact = isInteger(left) && isInteger(right);
            return exact ? integer(left) == integer(right) : real(left) == real(right);
        }
        if (left instanceof List<?> some && right instanceof List<?> others) {
            if (some.size() != others.size() || !typeName(left).equals(typeName(right))) {
                return false;
            }
            Iterator<?> other = others.iterator();
            for (Object item : some) {
                if (!equal(budget, item, other.next(), depth + 1)) {
                    return false;
                }
            }
            return true;
        }
        if (left instanceof Map<?, ?> some && right instanceof Map<?, ?> others) {
            if (some.size() != others.size()) {
                return false;
            }
            for (Map.Entry<?, ?> entry : some.entrySet()) {
                Object other = others.get(entry.getKey());
                if (other == null || !equal(budget, entry.getValue(), other, depth + 1)) {
                    return false;
                }
            }
            return true;
        }
        return Objects.equals(left, right);
    }

    static void requireDepth(int depth) {
        if (depth > MAX_DEPTH) {
            throw new TemplateException.LimitExceeded("nests values more than " + MAX_DEPTH + " deep");
        }
    }

    /** Negative, zero or positive; texts by their code points, lists by their first difference. */
    static int compare(Budget budget, Object left, Object right, String operator) {
        budget.step();
        if (isNumber(left) && isNumber(right)) {
            return isInteger(left) && isInteger(right)
                    ? Long.compare(integer(left), integer(right))
                    : real(left) == real(right) ? 0 : Double.compare(real(left), real(right));
        }
        if (left instanceof String some && right instanceof String other) {
            return compare(some, other);
        }
        if (left instanceof List<?> some
                && right instanceof List<?> others
                && !(left instanceof Range)
                && typeName(left).equals(typeName(right))) {
            for (int i = 0; i < Math.min(some.size(), others.size()); i++) {
                if (!equal(budget, some.get(i), others.get(i))) {
                    return compare(budget, some.get(i), others.get(i), operator);
                }
            }
            return Integer.compare(some.size(), others.size());
        }
        throw mismatch(operator, left, right);
    }

    private static int compare(String left, String right) {
        int at = 0;
        while (at < left.length() && at < right.length() && left.charAt(at) == right.charAt(at)) {
            at++;
        }
        boolean ended = at == left.length() || at == right.length();
        // Code units order surrogates before U+E000, code points do not.
        return ended
                ? Integer.compare(left.length(), right.length())
                : Integer.compare(left.codePointAt(at), right.codePointAt(at));
    }

    static TemplateException mismatch(String operator, Object left, Object right) {
        if (left instanceof Undefined undefined) {
            return undefined.error();
        }
        if (right instanceof Undefined undefined) {
            return undefined.error();
        }
        return new TemplateException("unsupported operand types for " + operator + ": '" + typeName(left) + "' and '"
                + typeName(right) + "'");
    }

    static boolean contains(Budget budget, Object container, Object item) {
        if (container instanceof String text) {
            if (item instanceof String part) {
                return text.contains(part);
            }
            throw new TemplateException("'in <string>' requires string as left operand, not " + typeName(item));
        }
        if (container instanceof Map<?, ?> map) {
            return map.containsKey(key(item));
        }
        for (Iterator<?> items = iterate(container); items.hasNext(); ) {
            if (equal(budget, items.next(), item)) {
                return true;
            }
        }
        return false;
    }

    /** A value as the key of a dict. */
    static Object key(Object value) {
        if (value instanceof Boolean flag) {
            return flag ? 1L : 0L;
        }
        if (value instanceof Double number && number == Math.rint(number) && Math.abs(number) < Long.MAX_VALUE) {
            return number.longValue();
        }
        if (value instanceof String
                || value instanceof Long
                || value instanceof Double
                || value == None.NONE
                || value instanceof Undefined
                || value instanceof Range
                || value instanceof Tuple) {
            return value;
        }
        throw new TemplateException("unhashable type: '" + typeName(value) + "'");
    }

    /** {@code value[start:stop:step]}; bounds are integers or None. */
    static Object slice(Budget budget, Object value, Object start, Object stop, Object step) {
        if (value instanceof Undefined undefined) {
            throw undefined.error();
        }
        int length = (int) length(value);
        long by = bound(step, 1);
        if (by == 0) {
            throw new TemplateException("slice step cannot be zero");
        }
        long from = clip(bound(start, by > 0 ? 0 : Long.MAX_VALUE), length, by);
        long to = stop == None.NONE ? (by > 0 ? length : -1) : clip(bound(stop, 0), length, by);
        List<Integer> at = new ArrayList<>();
        for (long i = from; by > 0 ? i < to : i > to; i += by) {
            budget.make(1);
            at.add((int) i);
            if (Math.abs(by) > length) {
                break;
            }
        }
        if (value instanceof String text) {
            int[] points = text.codePoints().toArray();
            StringBuilder part = new StringBuilder();
            at.forEach(i -> part.appendCodePoint(points[i]));
            return part.toString();
        }
        if (value instanceof List<?> items && !(value instanceof View)) {
            List<Object> part = new ArrayList<>();
            at.forEach(i -> part.add(items.get(i)));
            return value instanceof Tuple ? new Tuple(part) : part;
        }
        throw new TemplateException("'" + typeName(value) + "' object cannot be sliced");
    }

    private static long bound(Object value, long absent) {
        if (value == None.NONE) {
            return absent;
        }
        if (isInteger(value)) {
            return integer(value);
        }
        throw new TemplateException("slice indices must be integers or None, not " + typeName(value));
    }

    private static long clip(long at, int length, long by) {
        long from = at < 0 ? at + length : at;
        return Math.max(by > 0 ? 0 : -1, Math.min(by > 0 ? length : length - 1, from));
    }
}
