import { createRoot } from 'react-dom/client';
import '../chat.css';
import { Chat } from './chat.tsx';

const root = document.getElementById('root');
if (root) createRoot(root).render(<Chat />);
